"""danqing stylize, danqing styles: a picture in the manner of others"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import changed, described, made, write_pictures, write_sheet
from danqing.cli.options import PICTURES, complete_paths
from danqing.cli.painted import same_recipe
from danqing.cli.words import Talk
from danqing.errors import UsageError

if TYPE_CHECKING:
    from danqing.types import Picture, Recipe

FOLDER = PICTURES / "stylized"
FILMS = {".mp4", ".mov", ".mkv", ".webm", ".avi", ".m4v"}
MOST_VARIANTS = 64
Looks = Sequence[str | Path]


def complete_looks(incomplete: str) -> Iterator[str]:
    """The manners that come with Danqing, those that were taught, then files."""
    from danqing.home import taught_names
    from danqing.presets import looks

    yield from (name for name in (*looks(), *taught_names()) if name.startswith(incomplete))
    yield from complete_paths(incomplete)


def stylize(
    talk: Talk,
    picture: Annotated[
        str,
        typer.Argument(metavar="PHOTO", help="A picture, a folder of them, or a film.", autocompletion=complete_paths),
    ],
    styles: Annotated[
        list[str],
        typer.Argument(
            metavar="STYLE…",
            help="Pictures, or manners that come with Danqing or were taught.",
            autocompletion=complete_looks,
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
    seed: Annotated[int, typer.Option(help="Seed of what is chance.")] = 0,
    variants: Annotated[int, typer.Option(help="So many pictures, of this seed and the next ones.")] = 1,
    engine: Annotated[
        str | None,
        typer.Option(help="fast (one pass) or gatys (optimisation, slower, stronger); gatys where --set is used."),
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a fast engine; Danqing's own if left out.")] = None,
    options: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of the optimiser, such as steps=[60,30,15].")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the pictures; pictures/stylized if left out.")] = None,
) -> dict[str, Any]:
    """Paint a photo, all photos of a folder, or a film in the manner of one or several pictures.

    Ctrl+C keeps what is there; a folder goes on where it stopped.
    """
    from danqing.settings import parse_assignment

    wishes = {
        "weights": numbers(weights) if weights else None,
        "masks": [Path(path) for path in mask] if mask else None,
        "strength": strength,
        "keep_colours": keep_colours,
        "brush": brush,
        "size": size or None,
        "seed": seed,
        "engine": engine,
        "model": model,
        "options": dict(parse_assignment(text) for text in options or []),
    }
    if not 1 <= variants <= MOST_VARIANTS:
        raise UsageError(f"{variants} variants came; choose 1 to {MOST_VARIANTS}.")
    folder = made(FOLDER if out is None else out)
    act = many if Path(picture).is_dir() else film if Path(picture).suffix.lower() in FILMS else one
    if act is one and variants > 1:
        return several(talk, Path(picture), styles, wishes, folder, variants)
    if variants > 1:
        raise UsageError("Variants are painted of one picture; name a picture, or leave --variants out.")
    return act(talk, Path(picture), styles, wishes, folder)


def one(talk: Talk, picture: Path, styles: Looks, wishes: dict[str, Any], folder: Path) -> dict[str, Any]:
    from danqing import api

    name = named(picture, styles)
    shown: list[Picture] = []

    def watch(picture: "Picture") -> None:
        shown[:] = [picture]

    try:
        shown[:] = [talk.follow(api.stylize(picture, styles, watch, **wishes), whole_steps=True)]
    except KeyboardInterrupt:
        if shown:
            path = write_pictures(shown, folder, [name])[0]
            raise KeyboardInterrupt(f"Stopped by Ctrl+C; the picture so far is {path}.") from None
        raise
    paths = write_pictures(shown, folder, [name])
    talk.say(f"The picture is {paths[0]}.")
    return {"pictures": described(shown, paths)}


def several(
    talk: Talk, picture: Path, styles: Looks, wishes: dict[str, Any], folder: Path, count: int
) -> dict[str, Any]:
    """One picture in several ways, each in its own file, and all on a sheet."""
    from danqing import api

    shown: list[Picture] = []
    name = named(picture, styles)
    paths: list[Path] = []
    for number in range(count):
        seed = wishes["seed"] + number
        shown.append(talk.follow(api.stylize(picture, styles, **{**wishes, "seed": seed}), whole_steps=True))
        paths += write_pictures(shown[-1:], folder, [f"{name}-{seed}"])
    sheet = write_sheet(shown, folder / f"{name}.png", columns=min(count, 4))
    talk.say(f"The sheet is {sheet}.")
    return {"pictures": described(shown, paths), "sheet": sheet}


def film(talk: Talk, source: Path, styles: Looks, wishes: dict[str, Any], folder: Path) -> dict[str, Any]:
    from danqing import api
    from danqing.images.films import begun

    wanted = folder / f"{named(source, styles)}.mp4"
    kept = begun(wanted)
    before = changed(kept)
    try:
        path = talk.follow(api.stylize_film(source, styles, wanted, **wishes), whole_steps=True)
    except KeyboardInterrupt:
        if changed(kept) != before:
            raise KeyboardInterrupt(f"Stopped by Ctrl+C; the film so far is {kept}.") from None
        raise
    talk.say(f"The film is {path}.")
    return {"film": path}


def many(talk: Talk, source: Path, styles: Looks, wishes: dict[str, Any], folder: Path) -> dict[str, Any]:
    """All pictures of a folder; what is in the other folder already, by the same recipe, is left as it is."""
    from danqing import api
    from danqing.api.stylizing import SUFFIXES
    from danqing.errors import BadInputError

    files = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    if not files:
        raise BadInputError(f"There are no pictures in {source}; give a folder with some, or a picture.")
    paths = [folder / f"{named(path, styles)}.png" for path in files]
    skipped: set[int] = set()

    def there(place: int, recipe: "Recipe") -> bool:
        if paths[place].exists() and same_recipe(paths[place], recipe):
            skipped.add(place)
        return place in skipped

    def done(place: int, picture: "Picture") -> None:
        write_pictures([picture], folder, [paths[place].stem])

    broken = talk.follow(api.stylize_all(files, styles, done, there, **wishes), whole_steps=True)
    rows = [{"file": path, "of": file, "skipped": place in skipped}
            for place, (file, path) in enumerate(zip(files, paths, strict=True)) if file not in broken]  # fmt: skip
    counts = f"{len(rows) - len(skipped)} pictures painted, {len(skipped)} were there, {len(broken)} left out"
    talk.say(f"{counts}: {folder}.")
    for reason in broken.values():
        talk.say(f"Left out: {reason}")
    return {"pictures": rows, "left_out": [{"file": file, "reason": reason} for file, reason in broken.items()]}


def named(picture: Path, styles: Looks) -> str:
    """
    >>> named(Path("a/hill.jpg"), ["oil", Path("b/wave.png")])
    'hill-oil-wave'
    """
    return "-".join(Path(one).stem for one in (picture, *styles))


def numbers(text: str) -> list[float]:
    """'2,1' -> [2.0, 1.0]"""
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"'{text}' are no weights; write numbers with commas between them, such as 2,1.") from None


def list_styles(talk: Talk) -> dict[str, Any]:
    """The manners that come with Danqing, and those that were taught on this machine."""
    from danqing.home import taught_names
    from danqing.presets import looks

    rows = [{"name": name, **row["title"], "about": row["about"]} for name, row in looks().items()]
    rows += [{"name": name, "en": name, "zh": name, "about": "taught on this machine"} for name in taught_names()]
    talk.table(("name", "中文", "about"), [(row["name"], row["zh"], row["about"]) for row in rows])
    return {"styles": rows}


def teach_style(
    talk: Talk,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="1 to 50 pictures by one painter or school.")],
    name: Annotated[str, typer.Option(help="What the manner is to be called, such as 齐白石.")],
    steps: Annotated[int, typer.Option(help="More take longer and come closer.")] = 150,
    model: Annotated[Path | None, typer.Option(help="Folder of a fast engine; Danqing's own if left out.")] = None,
    seed: Annotated[int, typer.Option(help="Everything that is chance follows from it.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Teach a name anew that is known already.")] = False,
) -> dict[str, Any]:
    """Teach the fast engine a manner, which `stylize` then knows by its name. Ctrl+C keeps what is there."""
    from danqing import api
    from danqing.home import taught_file

    before = changed(taught_file(name))
    act = api.teach_style(folder, name, steps=steps, model=model, seed=seed, again=again)
    try:
        path = talk.follow(act, whole_steps=True)
    except KeyboardInterrupt:
        if changed(taught_file(name)) != before:
            raise KeyboardInterrupt(f"Stopped by Ctrl+C; what was learned is kept as '{name}'.") from None
        raise
    talk.say(f"'{name}' is taught: danqing stylize photo.jpg {name} ({path}).")
    return {"name": name, "file": path}


def show_style(
    talk: Talk, name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=complete_looks)]
) -> dict[str, Any]:
    """What is known of one manner."""
    from danqing.errors import unknown
    from danqing.home import taught_file, taught_names
    from danqing.presets import looks

    own, taught = looks(), taught_names()
    if name in own:
        row = own[name]
        found = {"name": name, **row["title"], "about": row["about"], "settings": row.get("settings", {})}
    elif name in taught:
        from danqing.api import taught_style

        known = taught_style(name)
        found = {"name": name, "pictures": len(known.pictures), "steps": known.steps, "engine": known.engine,
                 "file": taught_file(name)}  # fmt: skip
    else:
        raise unknown("manner", name, [*own, *taught])
    talk.facts(found)
    return found


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
