"""Pictures that people bring: what the painter sees of them, and how its work is laid back into them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from danqing.api.enlarging import enlarge_painted
from danqing.errors import UsageError
from danqing.images.alpha import flat, lifted, over_white, premultiplied, straight, tidied
from danqing.images.arrays import to_float, to_uint8
from danqing.images.reading import read_rgba
from danqing.images.writing import check_pixels, pixels_sha256
from danqing.types import Picture

Source = str | Path | bytes | np.ndarray | Image.Image | Picture
"""a file, the bytes of one, pixels (H, W, 3 or 4) uint8 with straight alpha, a picture of Pillow's, or a Picture"""
LONGEST = 4096
"""side in pixels of the largest picture that is painted into"""

FAINTEST = 0.03
"""a mask darker than this is black, one brighter than 1 less this is white (JPEG)"""


@dataclass(frozen=True, eq=False)
class Material:
    """A picture as it came."""

    rgba: np.ndarray
    """(H, W, 4) uint8, straight alpha"""
    name: str = "the picture"

    @cached_property
    def sha(self) -> str:
        """sha256 of the pixels: the same picture in another file format is the same material."""
        return pixels_sha256(self.rgba)

    @property
    def size(self) -> tuple[int, int]:
        return self.rgba.shape[1], self.rgba.shape[0]


def material(source: Source) -> Material:
    """Raises NotFoundError or BadInputError in one sentence for a file that is no picture."""
    if isinstance(source, Picture):
        source = source.pixels
    if not isinstance(source, np.ndarray):
        return Material(read_rgba(source), str(source) if isinstance(source, (str, Path)) else "the picture")
    check_pixels(source)
    whole = np.full((*source.shape[:2], 1), 255, np.uint8)
    return Material(source if source.shape[2] == 4 else np.concatenate([source, whole], axis=2))


@dataclass(frozen=True)
class Frame:
    """A part of a picture, in pixels: where another lies in it, or is laid."""

    left: int
    top: int
    width: int
    height: int

    def cut(self, picture: np.ndarray) -> np.ndarray:
        return picture[self.top : self.top + self.height, self.left : self.left + self.width]


def frame_of(size: tuple[int, int], side: int) -> Frame:
    """In the middle, as large as it goes.

    >>> frame_of((200, 100), 128)
    Frame(left=0, top=32, width=128, height=64)
    """
    width, height = (max(1, round(length * side / max(size))) for length in size)
    return Frame((side - width) // 2, (side - height) // 2, width, height)


def framed(rgba: np.ndarray, side: int, lift: bool = False) -> Tensor:
    """(H, W, 4) straight -> (1, 4, side, side) premultiplied in [-1, 1], transparent where the picture does not reach.

    With `lift` a drawing on white paper comes without the paper: what the painter learned from has none.
    """
    frame = frame_of((rgba.shape[1], rgba.shape[0]), side)
    small = Image.fromarray(np.ascontiguousarray(rgba)).convert("RGBa")
    small = small.resize((frame.width, frame.height), Image.Resampling.LANCZOS, reducing_gap=3.0)
    inside = tidied(np.asarray(small))
    square = np.zeros((side, side, 4), np.uint8)
    frame.cut(square)[:] = lifted(inside) if lift else inside
    return to_float(torch.from_numpy(square).permute(2, 0, 1)[None])


@dataclass(frozen=True)
class Ground:
    """A picture that is painted into or over, at its own size and at the painter's."""

    seen: Tensor
    """(1, 4, S, S)"""
    frame: Frame
    size: tuple[int, int]
    """width, height of what comes out"""
    mask: Tensor | None = None
    """(1, 1, S, S) 1 where to paint"""
    base: np.ndarray | None = None
    """(H, W, 4) straight: what is kept where the mask is black"""
    share: np.ndarray | None = None
    """(H, W, 1) in 0 .. 1: how much of the painting shows"""


def painted_over(image: Material, side: int, size: int) -> Ground:
    """For image to image: the same proportions, the longer side `size`."""
    longest = max(image.size)
    wide, high = (max(1, round(length * size / longest)) for length in image.size)
    return Ground(framed(image.rgba, side, lift=True), frame_of(image.size, side), (wide, high))


def check_longest(size: tuple[int, int]) -> None:
    if max(size) > LONGEST:
        raise UsageError(f"The picture would be {size[0]} x {size[1]} pixels; at most {LONGEST} a side go here.")


def painted_into(image: Material, mask: Material | None, extend: int, side: int, lift: bool) -> Ground:
    """For masks and for more picture around: what is black in the mask stays as it is, to the last bit."""
    base, share = grown(image, mask, extend)
    size = (base.shape[1], base.shape[0])
    frame = frame_of(size, side)
    there = np.zeros((side, side), np.float32)
    small = Image.fromarray(share[..., 0]).resize((frame.width, frame.height), Image.Resampling.BOX)
    frame.cut(there)[:] = np.asarray(small) > 0
    return Ground(framed(base, side, lift), frame, size, torch.from_numpy(there)[None, None], base, share)


def grown(image: Material, mask: Material | None, extend: int) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 4) the picture with `extend` pixels more on each side, and (H, W, 1) in 0 .. 1 where it is painted."""
    check_longest((image.size[0] + 2 * extend, image.size[1] + 2 * extend))
    share = share_of(mask, image) if mask else np.zeros((*image.rgba.shape[:2], 1), np.float32)
    border = ((extend, extend), (extend, extend), (0, 0))
    return np.pad(image.rgba, border, mode="edge"), np.pad(share, border, constant_values=1)


def share_of(mask: Material, image: Material) -> np.ndarray:
    """(H, W, 1) in 0 .. 1 of a mask: white is painted, black and transparent are kept, grey is mixed."""
    if mask.size != image.size:
        raise UsageError(
            f"The mask is {mask.size[0]} x {mask.size[1]} and the picture {image.size[0]} x {image.size[1]} pixels; "
            "give a mask of the picture's size."
        )
    share = premultiplied(mask.rgba)[..., :3].mean(2, keepdims=True, dtype=np.float32) / 255
    share = np.where(share < FAINTEST, 0, np.where(share > 1 - FAINTEST, 1, share)).astype(np.float32)
    if not share.any():
        raise UsageError("The mask has no white in it, so there is nothing to paint; paint white where it should be.")
    return share


def finished(square: Tensor, ground: Ground | None, size: int, transparent: bool, tile: bool) -> np.ndarray:
    """(4, S, S) premultiplied in [-1, 1] -> the pixels of the file: (H, W, 3) over white, or (H, W, 4) straight."""
    rgba = tidied(to_uint8(square[None])[0].permute(1, 2, 0).numpy())
    painted, wanted = (rgba, (size, size)) if ground is None else (ground.frame.cut(rgba), ground.size)
    made = enlarge_painted(painted, wanted, tile)
    shown = straight(made) if transparent else over_white(made)
    if ground is None or ground.base is None or ground.share is None:
        return shown
    kept = ground.base if transparent else flat(ground.base)
    if transparent:
        mixed = straight(blended(premultiplied(ground.base), made, ground.share))
    else:
        mixed = blended(kept, shown, ground.share)
    return np.where(ground.share > 0, mixed, kept)


def blended(below: np.ndarray, above: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Two (H, W, C) uint8, `share` (H, W, 1) of the upper one."""
    return np.rint(below * (1 - share) + above * share).astype(np.uint8)
