"""What every lesson of `danqing teach` has: pictures with what was written about them, a folder, before and after."""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from danqing.api.materials import Material, material
from danqing.api.stylizing import SUFFIXES
from danqing.api.texttopicture import paint
from danqing.data.care.captions import captions_of
from danqing.data.shelves import Folder
from danqing.errors import BadInputError, DiskError, UsageError
from danqing.home import REPORT, SHEET
from danqing.images.reading import BadPictureError
from danqing.images.sheets import sheet
from danqing.images.writing import write_array, write_atomic
from danqing.types import Progress

LEAST, MOST = 3, 200
"""pictures of one subject"""
KEPT = 1536
"""longest side of a picture in memory"""
HELD_EVERY = 7
"""one picture of so many is held out and tells when it is enough"""


@dataclass(frozen=True)
class Shown:
    """One of the pictures."""

    name: str
    picture: Material
    caption: str
    """what was written about it, '' for nothing"""


@dataclass(frozen=True)
class Lesson:
    """What a teaching leaves behind."""

    file: Path
    """the painter's folder, or the LoRA's file"""
    names: tuple[str, ...]
    """what it is called"""
    sheet: Path
    """the same prompts and seeds before and after"""
    report: Mapping[str, Any]
    command: str
    """that paints with it"""


def gathered(pictures: str | Path | Sequence[str | Path]) -> Generator[Progress, None, list[Shown]]:
    """What is no picture in a folder is passed over, a file that was named is an error. Raises BadInputError."""
    one = Path(pictures) if isinstance(pictures, (str, Path)) else None
    captions: dict[str, str] = {}
    if one and one.is_dir():
        shelf = Folder(one)
        names = shelf.names()
        captions = captions_of(shelf, names)
        files = {name: one / name for name in names if Path(name).suffix.lower() in SUFFIXES}
    else:
        given = [one] if one else list(pictures)  # type: ignore[arg-type]
        files = {str(path): Path(path) for path in given}
    found = []
    for name, path in files.items():
        try:
            found.append(Shown(name, shrunk(material(path)), captions.get(name, "")))
        except BadPictureError as error:
            if not one or not one.is_dir():
                raise
            yield Progress("teach", 0.0, message=f"Passed over: {error}")
    if not LEAST <= len(found) <= MOST:
        raise BadInputError(f"{len(found)} pictures came; something new is taught from {LEAST} to {MOST}.")
    return found


def shrunk(picture: Material) -> Material:
    """At most KEPT pixels a side: two hundred photos would not fit into memory."""
    if max(picture.size) <= KEPT:
        return picture
    small = Image.fromarray(picture.rgba).convert("RGBa")
    small.thumbnail((KEPT, KEPT), Image.Resampling.LANCZOS)
    return Material(np.array(small.convert("RGBA")), picture.name)


def halved(count: int) -> tuple[list[int], list[int]]:
    """Places of pictures to learn from, and of those that are held out.

    >>> halved(8)
    ([0, 1, 2, 3, 4, 5, 7], [6])
    """
    held = [place for place in range(count) if place % HELD_EVERY == HELD_EVERY - 1]
    return [place for place in range(count) if place not in held], held


# The folder.


def opened(folder: Path, again: bool) -> None:
    """A folder for a lesson: new or empty, or with an earlier lesson in it that is to be taught `again`.

    Raises UsageError for one that holds anything else, DiskError where nothing can be written.
    """
    there = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    if there and not (folder / REPORT).is_file():
        raise UsageError(f"'{folder}' holds something else already; choose another --out, or another --name.")
    if there and not again:
        raise UsageError(f"'{folder}' holds what was taught before; choose another --out, or teach it --again.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DiskError(f"{folder} cannot be written ({error.strerror}); choose another --out.") from None


def told(folder: Path, report: Mapping[str, Any]) -> None:
    write_atomic(folder / REPORT, json.dumps(report, indent=1, ensure_ascii=False).encode())


def compared(
    folder: Path, prompts: Sequence[str], sides: Sequence[Mapping[str, Any]], count: int
) -> Generator[Progress, None, Path]:
    """A sheet with a row for each prompt: `count` pictures before, as many of the same seeds after.

    `sides`: what `paint` is told before, and after.
    """
    cells: list[np.ndarray] = []
    for prompt in prompts:
        for side in sides:
            painted = yield from quietly(paint(prompt, n=count, **side))
            cells += [picture.pixels for picture in painted.pictures]
    heads = [text for word in ("before", "after") for text in (word, *[""] * (count - 1))]
    made = sheet(cells, columns=2 * count, scale=1, row_captions=prompts, column_captions=heads)
    write_array(made, folder / SHEET)
    return folder / SHEET


def quietly(act: Any) -> Generator[Progress, None, Any]:
    """Whatever it says on the way, a sign of life."""
    for _ in act:
        yield Progress("teach", 1.0)
    return act.result()
