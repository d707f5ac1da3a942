"""Several things painted one by one and laid together: a scene. Each is painted as large as the painter can."""

from collections.abc import Sequence

import numpy as np

from danqing.api.enlarging import enlarge_painted
from danqing.api.wearing import worn
from danqing.data.composing.boxes import Box, union
from danqing.images.alpha import over_white, straight
from danqing.words.colours import COLOURS
from danqing.words.scenes import Scene, worn_at

MARGIN = 0.04
"""of the side, that stays free around everything"""
SUNK = 0.06
"""of its height, that a thing sinks into what it stands on"""
ROWS = {1: (1,), 2: (2,), 3: (1, 2), 4: (2, 2), 5: (2, 1, 2), 6: (3, 3)}
"""how many of a kind -> how many of them in each row"""
SPACED = 0.92
"""of its cell, that one of several fills"""


def laid_out(scene: Scene, things: Sequence[np.ndarray], size: int, transparent: bool) -> np.ndarray:
    """Things (h, w, 4) uint8 premultiplied, cut to what is painted, group after group -> (size, size, 3 or 4) uint8."""
    shapes = [thing.shape[1] / thing.shape[0] for thing in things]
    boxes = framed(arranged(scene, shapes, things))
    made = np.zeros((size, size, 4), np.float32)
    if scene.ground:
        made[:] = (*COLOURS[scene.ground], 255)
    for place in sorted(range(len(things)), key=lambda i: depth(scene, i)):
        lay(made, things[place], boxes[place])
    rgba = np.rint(made.clip(0, 255)).astype(np.uint8)
    return straight(rgba) if transparent else over_white(rgba)


def depth(scene: Scene, place: int) -> int:
    """What is laid later lies above: what the first thing holds or wears, else the first group."""
    first = place < scene.groups[0][1]
    return int(not first) if scene.relation in ("holding", "wearing") else int(first)


def arranged(scene: Scene, shapes: Sequence[float], things: Sequence[np.ndarray]) -> list[Box]:
    """A box for each thing, in any units; `shapes`: width / height."""
    count = scene.groups[0][1]
    if len(scene.groups) == 1:
        return rows(shapes, Box(0, 0, 1, 1))
    one, other = shapes[:count], shapes[count:]
    match scene.relation:
        case "above" | "below":
            halves = Box(0, 0, 1, 0.48), Box(0, 0.52, 1, 1)
            first, second = halves if scene.relation == "above" else halves[::-1]
        case "on" | "wearing" | "under" | "holding":
            second = Box(0, 0, 1, 1)
            return staged(scene, rows(one, second), rows(other, second), things[count:], things[:count])
        case "right":
            second, first = beside(one=other, other=one)
        case _:
            first, second = beside(one, other)
    return [*rows(one, first), *rows(other, second)]


def beside(one: Sequence[float], other: Sequence[float]) -> tuple[Box, Box]:
    """Two cells side by side; that of more things is wider."""
    share = (len(one) ** 0.5) / (len(one) ** 0.5 + len(other) ** 0.5)
    return Box(0, 0, share - 0.01, 0.9), Box(share + 0.01, 0, 1, 0.9)


def staged(
    scene: Scene, one: list[Box], other: list[Box], below: Sequence[np.ndarray], wearer: Sequence[np.ndarray]
) -> list[Box]:
    """One thing on, under, in the hand of, or worn by another."""
    relation = scene.relation
    if relation == "on":  # smaller, its feet a little below the top edge in the middle of what it stands on
        base = union(other)
        moved = scaled(one, 0.72 * min(1.0, base.width / max(union(one).width, 1e-6)))
        x, y = base.middle[0], edge(below[0], base) + SUNK * union(moved).height
        return [*shifted(moved, x, y, "feet"), *other]
    if relation == "under":  # in front of its lower half
        base, moved = union(other), scaled(one, 0.5)
        return [*shifted(moved, base.middle[0], base.bottom + 0.08 * base.height, "feet"), *other]
    base = union(one)
    if relation == "holding":  # before its lower half, a little to the side
        moved = scaled(other, 0.5)
        x, y = base.left + 0.78 * base.width, base.top + 0.62 * base.height
        return [*one, *shifted(moved, x, y, "middle")]
    place = worn_at(scene.groups[1][0].words)
    return [*one, *(put_on(place, *pair) for pair in zip(one, wearer, other, strict=True))]


def rows(shapes: Sequence[float], cell: Box) -> list[Box]:
    """Things in rows, each as large as its place allows, standing on the floor of its row."""
    lengths = ROWS[len(shapes)]
    high, wide = cell.height / len(lengths), cell.width / max(lengths)
    boxes, shape = [], iter(shapes)
    spaced = SPACED if len(shapes) > 1 else 1.0
    for row, length in enumerate(lengths):
        for place in range(length):
            one = next(shape)
            height = spaced * min(high, wide / one)
            x = cell.middle[0] + (place + 0.5 - length / 2) * wide
            floor = cell.top + (row + 1) * high
            boxes.append(Box(x - one * height / 2, floor - height, x + one * height / 2, floor))
    return boxes


def put_on(place: str, base: Box, wearer: np.ndarray, thing: Box) -> Box:
    """The box of a thing that is worn by what fills the base."""
    box, scale = worn(place, wearer, thing.width / thing.height), base.width / wearer.shape[1]
    return Box(*(side * scale + start for side, start in zip(box, (base.left, base.top) * 2, strict=True)))


def scaled(boxes: Sequence[Box], by: float) -> list[Box]:
    return [Box(*(side * by for side in box)) for box in boxes]


def shifted(boxes: Sequence[Box], x: float, y: float, which: str) -> list[Box]:
    """So that the middle, or the middle of the feet, of all lies at (x, y)."""
    around = union(boxes)
    right, down = x - around.middle[0], y - (around.bottom if which == "feet" else around.middle[1])
    return [Box(box.left + right, box.top + down, box.right + right, box.bottom + down) for box in boxes]


def edge(thing: np.ndarray, box: Box) -> float:
    """The top of what is painted in the middle third of a thing that fills the box."""
    third = thing.shape[1] // 3
    painted = np.flatnonzero((thing[:, third : max(third + 1, 2 * third), 3] > 127).any(1))
    return box.top + box.height * (painted[0] / thing.shape[0] if painted.size else 0.0)


def framed(boxes: Sequence[Box]) -> list[Box]:
    """Moved and scaled together so that they fill the unit square but for a margin."""
    around = union(boxes)
    scale = (1 - 2 * MARGIN) / max(around.width, around.height)
    x, y = around.middle
    return [
        Box(*(0.5 + (side - middle) * scale for side, middle in zip(box, (x, y, x, y), strict=True))) for box in boxes
    ]


def lay(below: np.ndarray, thing: np.ndarray, box: Box) -> None:
    """A thing over (S, S, 4) float32 premultiplied, in place."""
    size = below.shape[0]
    left, top = round(box.left * size), round(box.top * size)
    width, height = max(1, round(box.right * size) - left), max(1, round(box.bottom * size) - top)
    above = enlarge_painted(thing, (width, height)).astype(np.float32)
    room = below[top : top + height, left : left + width]
    above = above[: room.shape[0], : room.shape[1]]
    room[:] = above + room * (1 - above[..., 3:] / 255)
