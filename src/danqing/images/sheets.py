"""Many pictures on one sheet, with captions where they are wanted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from danqing.errors import UsageError
from danqing.images.resizing import colour

PLEASANT = 96
"""pixels; smaller pictures are enlarged by a whole number to about this side"""
FONT_SIZE = 14
MARGIN = 6
"""pixels between a caption and what it names"""

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def sheet(
    pictures: Any,
    columns: int | None = None,
    gap: int = 2,
    scale: int | None = None,
    row_captions: Sequence[str] = (),
    column_captions: Sequence[str] = (),
    background: str = "white",
) -> np.ndarray:
    """A contact sheet, (H, W, 3) uint8, row by row.

    `pictures`: a sequence of (H, W), (H, W, 1) or (H, W, 3) uint8 arrays of one size, or a uint8 tensor (N, C, H, W).
    `columns`: None makes the sheet about square. `scale`: whole-number enlargement by repeated pixels; None chooses
    one that makes small pictures pleasant to look at. Raises UsageError.
    """
    cells = _cells(pictures)
    columns = columns or math.ceil(math.sqrt(len(cells)))
    rows = math.ceil(len(cells) / columns)
    scale = scale or max(1, round(PLEASANT / max(cells[0].shape[:2])))
    if columns < 1 or gap < 0 or scale < 1 or len(row_captions) > rows or len(column_captions) > columns:
        raise UsageError(f"A sheet of {columns} columns and {rows} rows, gap {gap}, scale {scale} does not go.")
    side, top = _room(row_captions, column_captions)
    high, wide = (length * scale + gap for length in cells[0].shape[:2])
    canvas = Image.new("RGB", (side + columns * wide + gap, top + rows * high + gap), colour(background))
    for place, cell in enumerate(cells):
        row, column = divmod(place, columns)
        big = Image.fromarray(cell.repeat(scale, 0).repeat(scale, 1))
        canvas.paste(big, (side + gap + column * wide, top + gap + row * high))
    spots = [(MARGIN, top + gap + row * high + (high - gap) / 2, "lm") for row in range(rows)]
    _write(canvas, row_captions, spots, background)
    spots = [(side + gap + column * wide + (wide - gap) / 2, top / 2 + gap, "mm") for column in range(columns)]
    _write(canvas, column_captions, spots, background)
    return np.array(canvas)


def _cells(pictures: Any) -> list[np.ndarray]:
    """Everything as (H, W, 3) uint8 of one size."""
    if hasattr(pictures, "permute"):
        pictures = pictures.detach().cpu().permute(0, 2, 3, 1).numpy()
    cells = [np.asarray(picture) for picture in pictures]
    shapes = {(cell.dtype.name, cell.shape) for cell in cells}
    if len(shapes) != 1 or not cells[0].size or cells[0].dtype != np.uint8 or not _drawable(cells[0]):
        raise UsageError(f"A sheet cannot be made of {sorted(map(str, shapes)) or 'nothing'}; give uint8 of one size.")
    deep = [cell[..., None] if cell.ndim == 2 else cell for cell in cells]
    return [np.ascontiguousarray(np.broadcast_to(cell, (*cell.shape[:2], 3))) for cell in deep]


def _drawable(cell: np.ndarray) -> bool:
    return cell.ndim == 2 or (cell.ndim == 3 and cell.shape[2] in (1, 3))


def _font() -> Font:
    return ImageFont.load_default(FONT_SIZE)


def _room(row_captions: Sequence[str], column_captions: Sequence[str]) -> tuple[int, int]:
    """Pixels on the left and at the top that the captions need."""
    font = _font()
    side = max((math.ceil(font.getlength(text)) + 2 * MARGIN for text in row_captions), default=0)
    return side, FONT_SIZE + 2 * MARGIN if column_captions else 0


def _write(
    canvas: Image.Image, captions: Sequence[str], spots: Sequence[tuple[float, float, str]], background: str
) -> None:
    """Captions in black or white, whichever can be read on the background."""
    ink = "black" if sum(colour(background)) > 382 else "white"
    draw, font = ImageDraw.Draw(canvas), _font()
    for text, (x, y, anchor) in zip(captions, spots, strict=False):
        draw.text((x, y), text, fill=ink, font=font, anchor=anchor)
