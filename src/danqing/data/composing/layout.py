"""Parts arranged and brought into the frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from danqing.data.composing.boxes import WHOLE, Box, union
from danqing.data.composing.composition import Part
from danqing.data.composing.stock import Stock

MARGIN = 0.03
"""of the frame, that stays free around everything"""

APART = 0.03
"""of the frame, at least between things that are counted"""

PLACES: dict[str, tuple[float, float]] = {
    "left": (0.0, 0.5), "right": (1.0, 0.5), "top": (0.5, 0.0), "bottom": (0.5, 1.0),
    "top left": (0.0, 0.0), "top right": (1.0, 0.0), "bottom left": (0.0, 1.0), "bottom right": (1.0, 1.0),
    "middle": (0.5, 0.5),
}  # fmt: skip
"""part of the frame -> where in the free room the box is put"""


def placed(stock: Stock, part: Part) -> Box:
    """Around what is painted of a part, in the frame's coordinates."""
    return stock.box(part).moved(part.left, part.top, part.size)


def within(stock: Stock, part: Part, cell: Box, at: tuple[float, float] = (0.5, 0.5)) -> Part:
    """The part as large as the cell allows, at this place of the room that is left."""
    box = stock.box(part)
    size = min(cell.width / box.width, cell.height / box.height)
    left = cell.left + (cell.width - box.width * size) * at[0] - box.left * size
    top = cell.top + (cell.height - box.height * size) * at[1] - box.top * size
    return replace(part, left=left, top=top, size=size)


def framed(stock: Stock, parts: Sequence[Part], margin: float = MARGIN) -> tuple[Part, ...]:
    """All parts moved and scaled together so that they fill the frame but for a margin."""
    around = union(placed(stock, part) for part in parts)
    scale = (1 - 2 * margin) / max(around.width, around.height)
    middle_x, middle_y = around.middle
    return tuple(
        replace(
            part,
            left=0.5 + (part.left - middle_x) * scale, top=0.5 + (part.top - middle_y) * scale, size=part.size * scale,
        )
        for part in parts
    )  # fmt: skip


def shaken(part: Part, rng: np.random.Generator, amount: float) -> Part:
    """Moved a little, by up to `amount` of the frame in either direction."""
    x, y = rng.uniform(-amount, amount, 2)
    return replace(part, left=part.left + float(x), top=part.top + float(y))


def tidy(count: int, rng: np.random.Generator) -> list[Box]:
    """Equal cells in rows, as people lay things out; each row is centred."""
    ways = _ROWS[count]
    rows = ways[int(rng.integers(len(ways)))]
    side = 1 / max(*rows, len(rows))
    top = (1 - side * len(rows)) / 2
    return [
        Box(
            0.5 + side * (place - length / 2),
            top + side * row,
            0.5 + side * (place + 1 - length / 2),
            top + side * (row + 1),
        )
        for row, length in enumerate(rows)
        for place in range(length)
    ]


_ROWS: dict[int, list[tuple[int, ...]]] = {
    2: [(2,), (2,), (1, 1)],
    3: [(3,), (1, 2), (2, 1), (1, 1, 1)],
    4: [(2, 2), (2, 2), (4,), (1, 2, 1)],
    5: [(2, 1, 2), (3, 2), (2, 3), (1, 3, 1)],
    6: [(3, 3), (2, 2, 2), (1, 2, 3), (3, 2, 1)],
}


def loose(count: int, shape: tuple[float, float], rng: np.random.Generator) -> list[Box]:
    """Cells of this width and height (before scaling) thrown into the frame without covering each other."""
    size = 1.0
    for _ in range(12):
        cells: list[Box] = []
        for _ in range(60):
            scale = size * float(rng.uniform(0.85, 1.1))
            width, height = min(shape[0] * scale, 1.0), min(shape[1] * scale, 1.0)
            x, y = float(rng.uniform(0, 1 - width)), float(rng.uniform(0, 1 - height))
            cell = Box(x, y, x + width, y + height)
            if not any(grown(cell, APART).overlap(other) for other in cells):
                cells.append(cell)
            if len(cells) == count:
                return cells
        size *= 0.87
    return tidy(count, rng)


def grown(box: Box, by: float) -> Box:
    return Box(box.left - by, box.top - by, box.right + by, box.bottom + by)


def shrunk(box: Box, part: float) -> Box:
    """The middle of a box, `part` of its sides."""
    x, y = box.middle
    return Box(x - box.width * part / 2, y - box.height * part / 2, x + box.width * part / 2, y + box.height * part / 2)


FRAME = shrunk(WHOLE, 1 - 2 * MARGIN)
