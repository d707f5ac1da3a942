"""A composition drawn: its parts cut out, mirrored, painted, scaled, turned and laid over each other."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from PIL import Image

from danqing.data.composing.boxes import WHOLE, Box, painted_box
from danqing.data.composing.composition import OWN, Composition, Ground, Part
from danqing.data.composing.own import own_pictures
from danqing.data.composing.painting import painted

DISC = 0.98
"""diameter in parts of the frame"""


def draw(composition: Composition, pictures: Any) -> np.ndarray:
    """The picture, (S, S, 4) uint8 with premultiplied alpha; the same composition gives the same bytes.

    `pictures`: what the rows number, (N, S, S, 4) uint8 with premultiplied alpha, mapped from a file or in memory; the
    same rows at another size S give the same picture at that size.
    """
    side = int(pictures.shape[1])
    frame = np.zeros((side, side, 4), np.uint8)
    if composition.ground:
        _fill(frame, composition.ground)
    for part in composition.parts:
        cell, left, top = scaled(part, source(part, pictures), side)
        if part.paint:
            cell = painted(cell, part.paint)
        _lay(frame, cell, left, top)
    return frame


def source(part: Part, pictures: Any) -> np.ndarray:
    """(S, S, 4): the picture of a part, cut and mirrored, filling its square, not yet painted."""
    cell = own_pictures()[part.own] if part.row == OWN else np.asarray(pictures[part.row])
    if part.cut != WHOLE:
        cell = _cut(cell, part.cut)
    return cell[:, ::-1] if part.mirrored else cell


def scaled(part: Part, cell: np.ndarray, side: int) -> tuple[np.ndarray, int, int]:
    """What is painted, at its size in a frame of `side` pixels, with the pixel of its left top corner."""
    if part.size == 1.0 and not (part.left or part.top or part.turn) and cell.shape[0] == side:
        return cell, 0, 0
    box = painted_box(cell[..., 3])
    there = box.moved(part.left, part.top, part.size)
    left, top = round(there.left * side), round(there.top * side)
    width, height = max(round(there.right * side) - left, 1), max(round(there.bottom * side) - top, 1)
    inner = Box(*(edge * cell.shape[0] for edge in box))
    picture = _image(cell).resize((width, height), Image.Resampling.LANCZOS, inner, reducing_gap=3.0)
    if part.turn:
        return _turned(picture, part, there, side)
    return _array(picture), left, top


def _turned(picture: Image.Image, part: Part, there: Box, side: int) -> tuple[np.ndarray, int, int]:
    """The picture turned about the middle of the part's square."""
    middle_x, middle_y = part.left + part.size / 2, part.top + part.size / 2
    reach = max(abs(edge - middle) for edge, middle in zip(there, (middle_x, middle_y) * 2, strict=True))
    half = int(np.ceil(reach * 1.5 * side)) + 1
    square = Image.new("RGBa", (2 * half, 2 * half))
    left, top = round(middle_x * side) - half, round(middle_y * side) - half
    square.paste(picture, (round(there.left * side) - left, round(there.top * side) - top))
    return _array(square.rotate(-part.turn, Image.Resampling.BICUBIC)), left, top


def _image(cell: np.ndarray) -> Image.Image:
    """Pillow's mode for premultiplied alpha, so that it scales the numbers as they are."""
    data = np.ascontiguousarray(cell)
    return Image.frombuffer("RGBa", data.shape[1::-1], data, "raw", "RGBa", 0, 1)


def _array(picture: Image.Image) -> np.ndarray:
    """(H, W, 4) uint8; what scaling let swing above alpha is put right."""
    cell = np.frombuffer(picture.tobytes(), np.uint8).reshape(picture.height, picture.width, 4).copy()
    np.minimum(cell[..., :3], cell[..., 3:], out=cell[..., :3])
    return cell


def _cut(cell: np.ndarray, cut: Box) -> np.ndarray:
    height, width = cell.shape[:2]
    kept = np.zeros_like(cell)
    rows = slice(round(cut.top * height), round(cut.bottom * height))
    columns = slice(round(cut.left * width), round(cut.right * width))
    kept[rows, columns] = cell[rows, columns]
    return kept


def _lay(frame: np.ndarray, cell: np.ndarray, left: int, top: int) -> None:
    """Over what is there: over + (1 - alpha) * under (Porter and Duff 1984); what lies outside the frame is lost."""
    side = frame.shape[0]
    x0, y0 = max(left, 0), max(top, 0)
    x1, y1 = min(left + cell.shape[1], side), min(top + cell.shape[0], side)
    if x0 >= x1 or y0 >= y1:
        return
    over = cell[y0 - top : y1 - top, x0 - left : x1 - left]
    under = frame[y0:y1, x0:x1]
    clear = 255 - over[..., 3:].astype(np.uint16)
    frame[y0:y1, x0:x1] = over + ((under * clear + 127) // 255).astype(np.uint8)


def _fill(frame: np.ndarray, ground: Ground) -> None:
    cover = np.full(frame.shape[:2], 255, np.uint16) if ground.shape == "full" else _disc(frame.shape[0])
    frame[..., 3] = cover
    for channel, value in enumerate(ground.rgb):
        frame[..., channel] = (cover * value + 127) // 255


@cache
def _disc(side: int) -> np.ndarray:
    """(side, side) uint16, 0 .. 255, with a soft edge of a pixel."""
    middle = (side - 1) / 2
    far = np.hypot(*np.mgrid[-middle : middle + 1, -middle : middle + 1])
    return (np.clip(DISC * side / 2 - far + 0.5, 0, 1) * 255 + 0.5).astype(np.uint16)
