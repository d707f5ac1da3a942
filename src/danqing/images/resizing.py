"""Any picture -> a square one, antialiased."""

from __future__ import annotations

from typing import Literal, cast, get_args

import numpy as np
from PIL import Image, ImageColor

from danqing.errors import UsageError, unknown

Fit = Literal["crop", "pad", "stretch"]
FITS: tuple[str, ...] = get_args(Fit)
LARGEST = 4096
"""side in pixels; more is a slip of the keyboard rather than a wish"""

Box = tuple[float, float, float, float]


def colour(name: str) -> tuple[int, int, int]:
    """'white', '#ff8800', 'rgb(1,2,3)' -> (red, green, blue) in 0..255; UsageError for anything else."""
    try:
        return ImageColor.getrgb(name)[:3]
    except ValueError:
        raise UsageError(f"'{name}' is no colour; write a name such as white or a code such as #ff8800.") from None


def check_size(size: int) -> int:
    """The size itself; UsageError outside 1 .. LARGEST."""
    if not 1 <= size <= LARGEST:
        raise UsageError(f"A size of {size} pixels is not possible; choose 1 to {LARGEST}.")
    return size


def fit_square(array: np.ndarray, size: int, how: str = "crop", background: str = "white") -> np.ndarray:
    """(H, W) or (H, W, 1 | 3) uint8 -> (size, size) or (size, size, 1 | 3) uint8.

    'crop' cuts the middle square, 'pad' keeps everything and fills with the background, 'stretch' ignores the aspect.
    Raises UsageError for another `how`, a colour that does not exist, or a size out of range.
    """
    if how not in FITS:
        raise UsageError(str(unknown("way to fit", how, FITS)))
    check_size(size)
    height, width = array.shape[:2]
    if height == width == size:
        return array
    flat = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    picture = Image.fromarray(flat)
    made = _padded(picture, size, background) if how == "pad" else _shrunk(picture, (size, size), _box(picture, how))
    return np.asarray(made).reshape(size, size, *array.shape[2:])


def _box(picture: Image.Image, how: str) -> Box:
    """The part of the picture that is kept: left, top, right, bottom."""
    width, height = picture.size
    if how == "stretch":
        return (0, 0, width, height)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return (left, top, left + side, top + side)


def _shrunk(picture: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    return picture.resize(size, Image.Resampling.LANCZOS, box=box, reducing_gap=3.0)


def _padded(picture: Image.Image, size: int, background: str) -> Image.Image:
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    rgb = colour(background)
    fill = rgb if picture.mode == "RGB" else Image.new("RGB", (1, 1), rgb).convert("L").getpixel((0, 0))
    canvas = Image.new(picture.mode, (size, size), cast(float, fill))
    inside = _shrunk(picture, (width, height), (0, 0, *picture.size))
    canvas.paste(inside, ((size - width) // 2, (size - height) // 2))
    return canvas
