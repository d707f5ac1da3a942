"""Pictures to files, for the commands that paint."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from danqing.cli.options import PICTURES
from danqing.errors import DiskError

if TYPE_CHECKING:
    from danqing.types import Picture

MOST_ON_SHEET = 400


def place(out: Path | None, model: Path) -> tuple[Path, str]:
    """(folder for pictures, the model's name in their names); the folder is made."""
    name = model.resolve().name
    return made(PICTURES / name if out is None else out), name


def made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"The folder {folder} cannot be made ({error.strerror}); choose another --out.") from None
    return folder


def changed(file: Path) -> int:
    """When a file was changed last, ns; 0 where there is none."""
    return file.stat().st_mtime_ns if file.exists() else 0


def write_pictures(pictures: Sequence["Picture"], folder: Path, names: Sequence[str]) -> list[Path]:
    """A PNG with its recipe inside for each."""
    from danqing.images.writing import write_png

    paths = [folder / f"{name}.png" for name in names]
    for picture, path in zip(pictures, paths, strict=True):
        write_png(picture, path)
    return paths


def write_sheet(pictures: Sequence["Picture"], path: Path, **layout: Any) -> Path:
    """The first pictures on one sheet; `layout` as images.sheet takes it."""
    from danqing.images.sheets import sheet
    from danqing.images.writing import write_array

    write_array(sheet([picture.pixels for picture in pictures[:MOST_ON_SHEET]], **layout), path)
    return path


def described(pictures: Sequence["Picture"], paths: Sequence[Path]) -> list[dict[str, Any]]:
    """For --json: each file with the recipe inside it."""
    return [{"file": path, "recipe": p.recipe.plain()} for p, path in zip(pictures, paths, strict=True)]
