"""The set as a source to train on: pictures over white, the way they are drawn as their label."""

from __future__ import annotations

import numpy as np
import torch

from danqing.data.clipart.reading import Clipart, open_clipart
from danqing.data.pictures import Origin, PictureSet, check_memory, picture_set
from danqing.data.wanted import Parts, Wanted
from danqing.registry import register

AT_ONCE = 256
"""pictures that are taken from the file together"""


@register("source", "clipart")
def read_clipart(wanted: Wanted) -> Parts:
    """The drawings to learn from, and those of held-out names and pairs. NotFoundError before the set is built."""
    found = open_clipart()
    styles = tuple(sorted({row.style for row in found.rows}))
    train = np.array([row.split == "train" for row in found.rows], bool)
    held = np.flatnonzero(~train)
    return Parts(
        _part(found, np.flatnonzero(train), styles, wanted),
        _part(found, held, styles, wanted) if len(held) else None,
    )


def _part(found: Clipart, rows: np.ndarray, styles: tuple[str, ...], wanted: Wanted) -> PictureSet:
    full = found.pictures.shape[1]
    fold = full // wanted.size if wanted.size and full % wanted.size == 0 else 1
    side = full // fold
    check_memory(len(rows), 3, side)
    pixels = torch.empty(len(rows), 3, side, side, dtype=torch.uint8)
    for begin in range(0, len(rows), AT_ONCE):
        some = averaged(found.white(rows[begin : begin + AT_ONCE]), fold)
        pixels[begin : begin + len(some)] = torch.from_numpy(some).permute(0, 3, 1, 2)
        wanted.tell(begin / len(rows))
    labels = torch.tensor([styles.index(found.rows[row].style) for row in rows], dtype=torch.int64)
    return picture_set(pixels, labels, _origin(found, rows, styles))


def averaged(pixels: np.ndarray, fold: int) -> np.ndarray:
    """(n, S, S, 3) uint8 -> (n, S / fold, S / fold, 3) uint8, the rounded means of fold x fold pixels."""
    if fold == 1:
        return pixels
    count, side = pixels.shape[0], pixels.shape[1] // fold
    means = pixels.reshape(count, side, fold, side, fold, 3).mean((2, 4), dtype=np.float32)
    return np.round(means).astype(np.uint8)


def _origin(found: Clipart, rows: np.ndarray, styles: tuple[str, ...]) -> Origin:
    licences = " and ".join(sorted({found.rows[row].licence for row in rows}))
    return Origin("clipart", "emoji and icon sets from npm; authors in sources.tsv of the set", licences, styles)
