"""Arrays in a NumPy file -> pictures. Nothing is ever unpickled."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from danqing.data.pictures import Origin, PictureSet, free_memory, picture_set
from danqing.data.wanted import Wanted
from danqing.errors import BadInputError

PICTURES = ("pictures", "images", "x")
LABELS = ("labels", "y")


def arrays(path: Path) -> dict[str, np.ndarray]:
    """Every array of an .npz by name; BadInputError when it is broken, holds objects or does not fit into memory."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(entry.file_size for entry in archive.infolist())
        free = free_memory()
        if free is not None and unpacked > free // 2:
            raise BadInputError(f"{path} unpacks to {unpacked / 1e9:.1f} GB, over half of the free memory; cut it.")
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file.files}
    except BadInputError:
        raise
    except Exception as error:  # zip, zlib, LZMA and NumPy's header each have errors of their own
        raise BadInputError(f"{path} is no readable .npz of plain arrays ({error}); save it anew.") from error


def read_npz(path: Path, wanted: Wanted) -> PictureSet:
    """Pictures under 'pictures', 'images' or 'x', labels (optional) under 'labels' or 'y'."""
    found = arrays(path)
    pixels = _pixels(path, _first(found, PICTURES))
    labels, names = _labels(path, _first(found, LABELS), len(pixels))
    return picture_set(pixels, labels, Origin(path.stem, path.name, labels=names))


def _first(found: Mapping[str, np.ndarray], names: tuple[str, ...]) -> np.ndarray | None:
    return next((found[name] for name in names if name in found), None)


def _pixels(path: Path, array: np.ndarray | None) -> Tensor:
    """(N, H, W) or (N, H, W, 1 | 3) uint8 -> (N, C, H, W)."""
    allowed = f"save uint8 (N, H, W) or (N, H, W, 3) as one of {', '.join(PICTURES)}"
    if array is None:
        raise BadInputError(f"{path} holds no pictures; {allowed}.")
    deep = array[..., None] if array.ndim == 3 else array
    if array.dtype != np.uint8 or deep.ndim != 4 or deep.shape[3] not in (1, 3) or 0 in deep.shape:
        raise BadInputError(f"{path} holds pictures as {array.dtype} {array.shape}; {allowed}.")
    return torch.from_numpy(deep).permute(0, 3, 1, 2).contiguous()


def _labels(path: Path, array: np.ndarray | None, count: int) -> tuple[Tensor | None, tuple[str, ...]]:
    """(N,) numbers or words -> int64 in 0 .. K - 1 and the K names."""
    if array is None:
        return None, ()
    if array.shape != (count,) or array.dtype.kind not in "iuU":
        raise BadInputError(f"{path} holds labels as {array.dtype} {array.shape}; save ({count},) numbers or words.")
    known, places = np.unique(array, return_inverse=True)
    return torch.from_numpy(places.astype(np.int64)), tuple(str(name) for name in known)
