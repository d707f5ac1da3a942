"""The pictures that somebody teaches with: a folder's, with what was written about each, or some files."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danqing.api.materials import Material, material
from danqing.api.stylizing import SUFFIXES
from danqing.data.care.captions import captions_of
from danqing.data.shelves import Folder
from danqing.errors import BadInputError
from danqing.images.reading import BadPictureError
from danqing.types import Progress

LEAST, MOST = 3, 200
"""pictures of one subject"""
REPORT, SHEET = "report.json", "before-after.png"
HELD_EVERY = 7
"""one picture of so many is held out and tells when it is enough"""


@dataclass(frozen=True)
class Shown:
    """One of them."""

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
        given = [one] if one else [Path(path) for path in pictures]  # type: ignore[union-attr]
        files = {path.name: path for path in given}
    found = []
    for name, path in files.items():
        try:
            found.append(Shown(name, material(path), captions.get(name, "")))
        except BadPictureError as error:
            if not one or not one.is_dir():
                raise
            yield Progress("teach", 0.0, message=f"Passed over: {error}")
    if not LEAST <= len(found) <= MOST:
        raise BadInputError(f"{len(found)} pictures came; something new is taught from {LEAST} to {MOST}.")
    return found


def halved(count: int) -> tuple[list[int], list[int]]:
    """Places of pictures to learn from, and of those that are held out.

    >>> halved(8)
    ([0, 1, 2, 3, 4, 5, 7], [6])
    """
    held = [place for place in range(count) if place % HELD_EVERY == HELD_EVERY - 1]
    return [place for place in range(count) if place not in held], held
