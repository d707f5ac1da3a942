"""danqing sample, danqing interpolate"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import described, place, write_pictures, write_sheet
from danqing.cli.options import Device, Guidance, Label, ModelName, Out, Sampler, Sheet, Steps, model_folder, opened
from danqing.cli.words import Talk

if TYPE_CHECKING:
    from danqing.types import Picture


def sample(
    talk: Talk,
    model: ModelName,
    n: Annotated[int, typer.Option("-n", help="How many pictures.")] = 16,
    seed: Annotated[int, typer.Option(help="Seed of the first picture; the next has the next.")] = 0,
    label: Label = None,
    sampler: Sampler = None,
    steps: Steps = None,
    guidance: Guidance = None,
    out: Out = None,
    sheet: Sheet = True,
    device: Device = None,
) -> dict[str, Any]:
    """Paint pictures. Each is MODEL-SEED.png, all are on sheet.png. The same seed gives the same bytes."""
    from danqing import api

    act = api.sample(opened(model, device), n, seed, label, sampler, steps, guidance)
    pictures = talk.follow(act)
    folder, name = place(out, model_folder(model))
    paths = write_pictures(pictures, folder, [f"{name}-{picture.recipe.seed}" for picture in pictures])
    board = write_sheet(pictures, folder / "sheet.png") if sheet else None
    talk.say(f"{count(paths)} in {folder}" + (f", all on {board}." if board else "."))
    return {"pictures": described(pictures, paths), "sheet": board}


def interpolate(
    talk: Talk,
    model: ModelName,
    stops: Annotated[list[str], typer.Argument(metavar="STOPS…", help="Two or more seeds; for VAEs pictures too.")],
    frames: Annotated[int, typer.Option(help="Pictures from one stop to the next.")] = 8,
    label: Label = None,
    sampler: Sampler = None,
    steps: Steps = None,
    sheet: Sheet = True,
    gif: Annotated[bool, typer.Option("--gif", help="A film as GIF.")] = False,
    mp4: Annotated[bool, typer.Option("--mp4", help="A film as MP4 (needs the extra 'video').")] = False,
    fps: Annotated[float, typer.Option(help="Frames per second of the films.")] = 12.0,
    out: Out = None,
    device: Device = None,
) -> dict[str, Any]:
    """Walk from picture to picture. A row of the sheet is the way between two stops."""
    from danqing import api

    if mp4:
        check_video()
    wanted = [int(stop) if stop.isdecimal() else Path(stop) for stop in stops]
    pictures = talk.follow(api.interpolate(opened(model, device), wanted, frames, label, sampler, steps))
    folder, _ = place(out, model_folder(model))
    made = []
    if sheet:
        made.append(write_sheet(rows(pictures, frames), folder / "interpolation.png", columns=frames + 1))
    made += films(pictures, folder, fps, gif, mp4)
    talk.say(f"{count(pictures)}: {', '.join(map(str, made)) or 'nothing was to be written'}.")
    return {"files": made, "frames": len(pictures), "stops": stops}


def rows(pictures: Sequence["Picture"], frames: int) -> list["Picture"]:
    """Every way with both its ends: an inner stop ends one row and begins the next."""
    return [pictures[first + i] for first in range(0, len(pictures) - 1, frames) for i in range(frames + 1)]


def films(pictures: Sequence["Picture"], folder: Path, fps: float, gif: bool, mp4: bool) -> list[Path]:
    from danqing.images import sheet, write_gif, write_mp4

    frames = [sheet([picture.pixels], gap=0) for picture in pictures] if gif or mp4 else []
    paths = []
    for wanted, write, name in ((gif, write_gif, "interpolation.gif"), (mp4, write_mp4, "interpolation.mp4")):
        if wanted:
            write(frames, folder / name, fps)
            paths.append(folder / name)
    return paths


def check_video() -> None:
    """Before painting, not after."""
    from importlib.util import find_spec

    from danqing.errors import MissingExtraError

    if find_spec("av") is None:
        raise MissingExtraError("writing MP4", "video")


def count(things: Sequence[Any]) -> str:
    """
    >>> count([1]), count([1, 2])
    ('1 picture', '2 pictures')
    """
    return f"{len(things):,} picture{'s' if len(things) != 1 else ''}"
