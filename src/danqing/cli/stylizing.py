"""danqing stylize, danqing styles: a picture in the manner of others"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import described, made, write_pictures
from danqing.cli.options import PICTURES, Out, complete_paths
from danqing.cli.words import Talk
from danqing.errors import UsageError

if TYPE_CHECKING:
    from danqing.types import Picture

FOLDER = PICTURES / "stylized"


def complete_looks(incomplete: str) -> Iterator[str]:
    """The manners that come with Danqing, then files."""
    from danqing.presets import looks

    yield from (name for name in looks() if name.startswith(incomplete))
    yield from complete_paths(incomplete)


def stylize(
    talk: Talk,
    picture: Annotated[str, typer.Argument(metavar="PHOTO", help="A picture file.", autocompletion=complete_paths)],
    styles: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE…", help="Pictures or manners that come with Danqing.", autocompletion=complete_looks
        ),
    ],
    weights: Annotated[str | None, typer.Option(help="Of several styles, such as 2,1.")] = None,
    mask: Annotated[list[str] | None, typer.Option(help="For each style once: white where it is wanted.")] = None,
    strength: Annotated[float, typer.Option(help="0 hardly changes the picture, 1 paints it anew, up to 2.")] = 1.0,
    keep_colours: Annotated[
        str | None, typer.Option(help="The photo's colours: luminance, recolour or histogram.")
    ] = None,
    brush: Annotated[float, typer.Option(help="Size of the strokes, 0.1 to 4.")] = 1.0,
    size: Annotated[int, typer.Option(help="Longest side of the result; 0 for the picture's own.")] = 512,
    seed: Annotated[int, typer.Option(help="Seed of the noise, where it starts with noise.")] = 0,
    options: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the optimiser, such as steps=[60,30,15].")
    ] = None,
    out: Out = None,
) -> dict[str, Any]:
    """Paint a photo in the manner of one or several pictures, by optimisation. Ctrl+C keeps what is there."""
    from danqing import api
    from danqing.presets import looks
    from danqing.settings import parse_assignment

    folder = made(FOLDER if out is None else out)
    name = "-".join(Path(one).stem for one in (picture, *styles))
    shown: list[Picture] = []

    def watch(picture: "Picture") -> None:
        shown[:] = [picture]

    act = api.stylize(
        Path(picture),
        [style if style in looks() else Path(style) for style in styles],
        weights=numbers(weights) if weights else None,
        masks=[Path(path) for path in mask] if mask else None,
        strength=strength,
        keep_colours=keep_colours,
        brush=brush,
        size=size or None,
        seed=seed,
        options=dict(parse_assignment(text) for text in options or []),
        watch=watch,
    )
    try:
        shown[:] = [talk.follow(act, whole_steps=True)]
    except KeyboardInterrupt:
        if shown:
            path = write_pictures(shown, folder, [name])[0]
            raise KeyboardInterrupt(f"Stopped by Ctrl+C; the picture so far is {path}.") from None
        raise
    paths = write_pictures(shown, folder, [name])
    talk.say(f"The picture is {paths[0]}.")
    return {"pictures": described(shown, paths)}


def numbers(text: str) -> list[float]:
    """'2,1' -> [2.0, 1.0]"""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"'{text}' are no weights; write numbers with commas between them, such as 2,1.") from None


def list_styles(talk: Talk) -> dict[str, Any]:
    """The manners that come with Danqing."""
    from danqing.presets import looks

    rows = [{"name": name, **row["title"], "about": row["about"]} for name, row in looks().items()]
    talk.table(("name", "中文", "about"), [(row["name"], row["zh"], row["about"]) for row in rows])
    return {"styles": rows}


def sheet_of_styles(
    talk: Talk, out: Annotated[Path, typer.Option(help="The sheet's file.")] = Path("styles.png")
) -> dict[str, Any]:
    """Their exemplars, all on one picture."""
    from danqing.api import exemplars
    from danqing.images.sheets import sheet
    from danqing.images.writing import write_array

    write_array(sheet(list(exemplars().values()), columns=4), out)
    talk.say(f"The sheet is {out}.")
    return {"sheet": out}
