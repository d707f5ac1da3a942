"""A thing that is painted alone and laid into a picture, as large as the mask has room for it."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter
from torch import Tensor

from danqing.api.enlarging import enlarge_painted
from danqing.api.materials import Frame, Material, check_longest, share_of
from danqing.images.alpha import flat, premultiplied, straight, tidied
from danqing.images.arrays import to_uint8

GRID = 96
"""cells of the longer side of the mask's bounds, on which a place is looked for"""
NOISE = 1e-6
"""of a shape, that Fourier transforms may be wrong by"""
INSIDE = 0.97
"""share of the thing that has to lie in the mask"""
HAZE, RIM = 32, 2
"""alpha up to which nothing is seen, and pixels around what is seen that belong to it"""
SMALLER, SMALLEST = 0.93, 0.25
"""sizes that are tried, in units of the largest that the mask's bounds hold"""


@dataclass(frozen=True)
class Spot:
    """Where the thing goes."""

    base: np.ndarray
    """(H, W, 4) uint8 straight"""
    share: np.ndarray
    """(H, W, 1) in 0 .. 1: how much of the thing may show"""

    @property
    def size(self) -> tuple[int, int]:
        """width, height"""
        return self.base.shape[1], self.base.shape[0]


def cut_out(square: Tensor) -> np.ndarray:
    """(4, S, S) premultiplied in [-1, 1] -> (h, w, 4) uint8: what is painted, without the room around it.

    Painters leave a haze that nobody sees, often as far as the edges; only what lies near something solid is kept.
    """
    rgba = tidied(to_uint8(square[None])[0].permute(1, 2, 0).numpy())
    solid = rgba[..., 3] > HAZE if (rgba[..., 3] > HAZE).any() else rgba[..., 3] > 0
    near = np.asarray(Image.fromarray(solid.astype(np.uint8)).filter(ImageFilter.MaxFilter(2 * RIM + 1)))
    return bounds(near).cut(rgba * near[..., None]) if near.any() else rgba


def spot_of(image: Material, mask: Material) -> Spot:
    check_longest(image.size)
    return Spot(image.rgba, share_of(mask, image))


def laid(square: Tensor, spot: Spot, transparent: bool) -> np.ndarray:
    """(4, S, S) premultiplied in [-1, 1] -> the picture with the thing in it: (H, W, 3) over white, or (H, W, 4)."""
    thing = cut_out(square)
    below = premultiplied(spot.base) if transparent else flat(spot.base)
    made = below.copy()
    if thing[..., 3].any():
        box = room_for(thing[..., 3], spot.share[..., 0])
        above = enlarge_painted(thing, (box.width, box.height)) * box.cut(spot.share)
        under = box.cut(below) * (1 - above[..., 3:] / 255) + above[..., : made.shape[2]]
        box.cut(made)[:] = np.rint(under.clip(0, 255)).astype(np.uint8)
    if not transparent:
        return made
    return np.where((made != below).any(2, keepdims=True), straight(made), spot.base)


def bounds(array: np.ndarray) -> Frame:
    """The smallest box around what is not 0 in (H, W)."""
    rows, columns = np.flatnonzero(array.any(1)), np.flatnonzero(array.any(0))
    return Frame(int(columns[0]), int(rows[0]), int(columns[-1] - columns[0]) + 1, int(rows[-1] - rows[0]) + 1)


def room_for(alpha: np.ndarray, share: np.ndarray) -> Frame:
    """The largest place in the mask `share` (H, W) for a shape `alpha` (h, w) in its proportions.

    Sizes are tried downwards until nearly all of it lies inside; a mask too ragged for that takes what shows most.
    """
    limits, ratio = bounds(share), alpha.shape[1] / alpha.shape[0]
    scale = GRID / max(limits.width, limits.height)
    grid = shrunk(limits.cut(share), max(1, round(limits.width * scale)), max(1, round(limits.height * scale)))
    grid = grid / grid.max()  # a grey mask has the same shape
    most, best = 0.0, Frame(0, 0, 1, 1)
    for width, height in sizes(ratio, grid.shape[1], grid.shape[0]):
        shape = shrunk(alpha, width, height)
        shown = overlap(grid, shape)
        top, left = middle(shown >= shown.max() - NOISE * shape.sum(), grid.shape, shape.shape)
        if shown.max() > most:
            most, best = float(shown.max()), Frame(left, top, width, height)
        if shown.max() >= INSIDE * shape.sum():
            best = Frame(left, top, width, height)
            break
    width = min(best.width / scale, limits.width, limits.height * ratio)
    wide, high = max(1, round(width)), max(1, min(limits.height, round(width / ratio)))
    left = limits.left + min(round(best.left / scale), limits.width - wide)
    return Frame(left, limits.top + min(round(best.top / scale), limits.height - high), wide, high)


def sizes(ratio: float, wide: int, high: int) -> Iterator[tuple[int, int]]:
    """Widths and heights of that ratio, from the largest that goes into (wide, high) down."""
    width, factor = min(wide, high * ratio), 1.0
    while factor > SMALLEST:
        yield max(1, round(width * factor)), max(1, min(high, round(width * factor / ratio)))
        factor *= SMALLER


def overlap(grid: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """(H - h + 1, W - w + 1): how much of a shape (h, w) lies in the grid (H, W) at each place (by Fourier)."""
    spectrum = np.fft.rfft2(grid.astype(np.float64)) * np.fft.rfft2(shape.astype(np.float64), grid.shape).conj()
    found = np.fft.irfft2(spectrum, grid.shape)
    found[found < NOISE * shape.sum()] = 0
    return found[: grid.shape[0] - shape.shape[0] + 1, : grid.shape[1] - shape.shape[1] + 1]


def middle(good: np.ndarray, whole: tuple[int, ...], part: tuple[int, ...]) -> tuple[int, int]:
    """Of all good places of a part in the whole, that nearest to the middle."""
    rows, columns = good.nonzero()
    away = (rows - (whole[0] - part[0]) / 2) ** 2 + (columns - (whole[1] - part[1]) / 2) ** 2
    return int(rows[away.argmin()]), int(columns[away.argmin()])


def shrunk(plane: np.ndarray, width: int, height: int) -> np.ndarray:
    """(H, W) at another size, by the mean of what a cell covers; float32."""
    picture = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(picture.resize((width, height), Image.Resampling.BOX))
