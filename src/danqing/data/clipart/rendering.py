"""An SVG -> a square picture with premultiplied alpha, drawn by resvg."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from PIL import Image

from danqing.errors import MissingExtraError

SIDE = 128
"""pixels"""
MARGIN = 4
"""of SIDE pixels, on the sides of a drawing that is cropped"""
DPI = 96.0
"""what CSS says; resvg-py's own default rejects drawings sized in millimetres"""
PAINTED = 8
"""alpha above which a pixel counts as painted, 0 .. 255"""

CROPS = 3
"""times that a drawing is measured at most"""

Box = tuple[float, float, float, float]
"""left, top, width, height in the drawing's own units"""


class BadDrawingError(Exception):
    """A drawing that resvg cannot draw."""


def resvg() -> Any:
    """The module; raises MissingExtraError without it."""
    try:
        import resvg_py
    except ImportError:
        raise MissingExtraError("Drawing the clip-art", "clipart") from None
    return resvg_py


def render(svg: str, side: int = SIDE) -> np.ndarray:
    """(side, side, 4) uint8, premultiplied alpha. `svg` must be square. Raises BadDrawingError."""
    try:
        data = resvg().svg_to_bytes(svg_string=svg, dpi=DPI, skip_system_fonts=True, width=side, height=side)
    except (KeyboardInterrupt, MissingExtraError):
        raise
    except BaseException as error:  # a panic inside resvg is not even an Exception
        raise BadDrawingError(str(error)[:200]) from None
    with Image.open(io.BytesIO(bytes(data))) as picture:
        return premultiplied(np.asarray(picture.convert("RGBA")))


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    """(..., 4) uint8 straight -> premultiplied, rounded; transparent pixels become all zero."""
    alpha = rgba[..., 3:].astype(np.uint16)
    return np.concatenate([(rgba[..., :3] * alpha + 127) // 255, alpha], -1).astype(np.uint8)


def over_white(rgba: np.ndarray) -> np.ndarray:
    """(..., 4) uint8 premultiplied -> (..., 3) uint8 on white."""
    return rgba[..., :3] + (255 - rgba[..., 3:])


def squared(body: str, box: Box, head: str = "") -> str:
    """A square SVG document that shows `box` of `body`, centred; `head` are attributes of its <svg>."""
    left, top, width, height = box
    side = max(width, height)
    frame = (left - (side - width) / 2, top - (side - height) / 2, side, side)
    view = " ".join(f"{number:.6g}" for number in frame)
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return f'<svg {names} {head}viewBox="{view}" width="{SIDE}" height="{SIDE}">{body}</svg>'


_VIEW = re.compile(r'viewBox="([^"]*)"')


def cropped(svg: str) -> str:
    """The same drawing without its margins but MARGIN; `svg` comes from `squared`. Raises BadDrawingError."""
    for _ in range(CROPS):
        found = _VIEW.search(svg)
        box = painted_box(render(svg, 2 * SIDE))
        if found is None or box is None:
            return svg
        svg = svg[: found.start(1)] + _framed(found[1], box) + svg[found.end(1) :]
        if max(box[2:]) > SIDE:  # a small drawing on a large page is measured again, more exactly
            break
    return svg


def _framed(view: str, box: tuple[int, int, int, int]) -> str:
    """The square view that shows `box`, in pixels of a rendering of 2 SIDE, with a margin."""
    left, top, side, _ = map(float, view.split())
    unit = side / (2 * SIDE)
    frame = max(box[2:]) * unit * SIDE / (SIDE - 2 * MARGIN)
    middle = left + (box[0] + box[2] / 2) * unit, top + (box[1] + box[3] / 2) * unit
    return " ".join(f"{number:.6g}" for number in (middle[0] - frame / 2, middle[1] - frame / 2, frame, frame))


def painted_box(rgba: np.ndarray) -> tuple[int, int, int, int] | None:
    """left, top, width, height in pixels of what is painted; None where nothing is."""
    painted = rgba[..., 3] > PAINTED
    rows, columns = np.flatnonzero(painted.any(1)), np.flatnonzero(painted.any(0))
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(np.ptp(columns)) + 1, int(np.ptp(rows)) + 1


def near_empty(rgba: np.ndarray, least: float = 0.015) -> bool:
    """Whether less than `least` of the picture can be seen, be it transparent or white on white."""
    unlike_white = 255 - over_white(rgba).min(-1)
    return bool(np.minimum(unlike_white, 64).mean() < least * 64)
