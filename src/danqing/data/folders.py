"""A folder or zip of pictures -> a data set. What cannot be used is left out and counted by reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import TypeVar

import numpy as np
import torch

from danqing.data.fitting import channelled, common_size
from danqing.data.pictures import Origin, PictureSet, check_memory, picture_set
from danqing.data.shelves import Folder, Shelf, open_zip
from danqing.data.tables import TABLES, Labels, from_folders, from_table
from danqing.data.wanted import Wanted
from danqing.errors import BadInputError, NotFoundError
from danqing.images.reading import BadPictureError, measure, read
from danqing.images.resizing import fit_square

T = TypeVar("T")
R = TypeVar("R")


def read_folder(path: Path, wanted: Wanted) -> PictureSet:
    """Every picture in and below the folder, sorted by name."""
    return _read(Folder(path), path.resolve().name, wanted)


def read_zip(path: Path, wanted: Wanted) -> PictureSet:
    """The same for a zip, which is read in place."""
    with open_zip(path, wanted.limits) as shelf:
        return _read(shelf, path.stem, wanted)


def _read(shelf: Shelf, name: str, wanted: Wanted) -> PictureSet:
    names = shelf.names()
    left_out: Counter[str] = Counter()
    table = next((name for name in names if PurePosixPath(name).name.casefold() in TABLES), None)
    files = [name for name in names if name != table]
    known = from_table(shelf, table, files, left_out) if table else None
    candidates = [file for file in files if known is None or file in known.of]
    size = wanted.size or _size(shelf, candidates, wanted)
    used, pixels = _decoded(shelf, candidates, size, wanted, left_out)
    if not used:
        raise _nothing(shelf, len(files), left_out)
    labels = known.only(used) if known else from_folders(used)
    numbers = None if labels is None else torch.tensor([labels.of[name] for name in used], dtype=torch.int64)
    return picture_set(pixels, numbers, _origin(name, shelf, labels, left_out))


def _origin(name: str, shelf: Shelf, labels: Labels | None, left_out: Counter[str]) -> Origin:
    source = Path(shelf.title).name  # without the folders above it, which are nobody's business
    return Origin(name, source, labels=labels.names if labels else (), left_out=dict(sorted(left_out.items())))


def _size(shelf: Shelf, names: Sequence[str], wanted: Wanted) -> int:
    """The common square size by the headers alone, or the usual one."""

    def look(name: str) -> tuple[int, int] | None:
        try:
            return measure(shelf.content(name), wanted.limits)
        except (BadPictureError, NotFoundError):
            return None

    return common_size({size for size in _threads(look, names) if size is not None}, wanted)


def _decoded(
    shelf: Shelf, names: Sequence[str], size: int, wanted: Wanted, left_out: Counter[str]
) -> tuple[list[str], torch.Tensor]:
    """The names that could be used and their pictures (N, C, S, S) uint8; the others are counted in `left_out`."""
    channels = wanted.channels or 3
    check_memory(len(names), channels, size)
    made = torch.empty(len(names), channels, size, size, dtype=torch.uint8)

    def decode(place: int) -> str | None:
        try:
            picture = read(shelf.content(names[place]), wanted.limits, wanted.background, at_least=2 * size)
        except BadPictureError as error:
            return error.reason
        except NotFoundError:
            return "the file is gone"
        fit = fit_square(picture, size, wanted.fit, wanted.background)
        pixels = torch.from_numpy(np.array(fit)).permute(2, 0, 1)[None]
        made[place] = channelled(pixels, channels)[0]
        return None

    used: list[str] = []
    for place, reason in enumerate(_threads(decode, range(len(names)))):
        if reason is None:  # rows before `place` are done, so moving up harms no thread
            made[len(used)] = made[place]
            used.append(names[place])
        else:
            left_out[reason] += 1
        if place % 200 == 0:
            wanted.tell(place / len(names))
    wanted.tell(1.0, f"{len(used)} of {len(names)} files can be used.")
    return used, channelled(made[: len(used)], wanted.channels)


def _threads(act: Callable[[T], R], things: Sequence[T]) -> Iterator[R]:
    """`act` on everything, in order. Threads are enough: Pillow decodes and resizes without Python's lock."""
    with ThreadPoolExecutor() as pool:
        yield from pool.map(act, things)


def _nothing(shelf: Shelf, looked_at: int, left_out: Counter[str]) -> BadInputError:
    if not looked_at:
        return BadInputError(f"{shelf.title} holds no files; give a folder or zip of pictures.")
    reasons = "; ".join(f"{count} x {reason}" for reason, count in left_out.most_common())
    return BadInputError(
        f"{shelf.title} holds no usable picture: {looked_at} files were looked at ({reasons}); "
        "give PNG, JPEG, WebP, GIF, BMP or TIFF files."
    )
