"""Compositions of two things of one style: beside and above each other, on each other, one looking out of the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from danqing.data.composing.boxes import Box
from danqing.data.composing.colouring import paintable, perhaps_ground, repainted
from danqing.data.composing.composition import Composition, Part, Thing
from danqing.data.composing.layout import framed, shaken, within
from danqing.data.composing.singles import mirrored
from danqing.data.composing.stock import Stock
from danqing.data.composing.tables import openings, seats

RELATIONS = {"left": 0.22, "right": 0.22, "above": 0.15, "below": 0.15, "beside": 0.26}
PAINTED = 0.25
"""share of the things of a pair that are painted"""
SUNK = 0.05
"""of its height, that a thing sinks into what it stands on"""
HIDDEN = 0.34
"""of its height, that is hidden in what a thing looks out of"""


def scene(
    kind: str, rng: np.random.Generator, stock: Stock, parts: Sequence[Part], things: tuple[Thing, ...], relation: str
) -> Composition:
    """Parts brought into the frame, sometimes before a colour."""
    made = framed(stock, parts)
    rows = tuple(dict.fromkeys(part.row for part in made if not part.own))
    ground = perhaps_ground(rng, stock, made)
    return Composition(kind, rows, made, things, stock.rows[rows[0]].style, relation, ground=ground)


def pair(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """Two things, in a relation that names both."""
    found = two(rng, stock, "scene", "scene")
    if found is None:
        return None
    one, other = (_maybe_painted(rng, stock, index) for index in found)
    relation = str(rng.choice(list(RELATIONS), p=list(RELATIONS.values())))
    upright = relation in ("above", "below")
    share = float(rng.uniform(0.42, 0.58))
    first, second = _cells(upright, share if relation in ("left", "above", "beside") else 1 - share)
    if relation in ("right", "below"):
        first, second = second, first
    at = (0.5, float(rng.uniform(0.3, 1.0))) if not upright else (float(rng.uniform(0.2, 0.8)), 0.5)
    parts = [shaken(within(stock, part, cell, at), rng, 0.01) for (part, _), cell in ((one, first), (other, second))]
    return scene("pair", rng, stock, parts, (one[1], other[1]), relation)


def _cells(upright: bool, share: float) -> tuple[Box, Box]:
    """Two cells side by side or, upright, one over the other; the first has `share` of the room."""
    cells = Box(0.0, 0.0, share - 0.02, 0.9), Box(share + 0.02, 0.0, 1.0, 0.9)
    if not upright:
        return cells
    first, second = (Box(box.top, box.left, box.bottom, box.right) for box in cells)
    return first, second


def two(rng: np.random.Generator, stock: Stock, one: str, other: str, tries: int = 6) -> tuple[int, int] | None:
    """Two rows of one style, of these pools, that are not called the same."""
    first = stock.pool(one).drawn(rng)
    if first is None:
        return None
    for _ in range(tries):
        second = stock.pool(other, stock.rows[first].style).drawn(rng)
        if second is not None and differ(stock, first, second):
            return first, second
    return None


def differ(stock: Stock, one: int, other: int) -> bool:
    """Whether no name of one is a name of the other."""
    first, second = (stock.thing(index) for index in (one, other))
    return not ({first.en, first.short_en} - {""}) & {second.en, second.short_en}


def _maybe_painted(rng: np.random.Generator, stock: Stock, index: int) -> tuple[Part, Thing]:
    part = Part(index, mirrored=mirrored(rng, stock, index))
    thing = stock.thing(index, scene=True)
    if rng.random() < PAINTED and paintable(stock, index):
        return repainted(rng, stock, part, thing) or (part, thing)
    return part, thing


def on(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """One thing standing on the top edge of another."""
    found = two(rng, stock, "support", "stander")
    if found is None or stock.is_a(found[1], "head only"):
        return None
    (below, low), (above, high) = (_maybe_painted(rng, stock, index) for index in found)
    x, y = _seat(stock, below)
    box = stock.box(above)
    width = min(float(rng.uniform(0.42, 0.62)), 0.62 * box.width / box.height)
    size = width / box.width
    above = replace(above, size=size, left=x - (box.left + box.width / 2) * size)
    above = replace(above, top=y + SUNK * box.height * size - box.bottom * size)
    return scene("on", rng, stock, [below, above], (high, low), "on")


def _seat(stock: Stock, part: Part) -> tuple[float, float]:
    """Where one can stand on a picture that fills the unit square."""
    name = stock.rows[part.row].name_en
    x, y = seats().get(name, (stock.painted(part.row).middle[0], None))
    y = stock.edge(part.row, x) if y is None else y
    return (1 - x if part.mirrored else x), y


def inside(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """One thing looking out of another."""
    found = two(rng, stock, "container", "stander")
    if found is None:
        return None
    opening = openings().get((stock.rows[found[0]].name_en, stock.rows[found[0]].style))
    if opening is None:
        return None
    (around, low), (part, high) = (_maybe_painted(rng, stock, index) for index in found)
    x, y, width = opening
    x = 1 - x if around.mirrored else x
    whole = stock.box(part)
    part = replace(part, cut=Box(0.0, 0.0, 1.0, whole.bottom - HIDDEN * whole.height))
    box = stock.box(part)
    size = min(width * float(rng.uniform(0.85, 1.0)) / box.width, 0.8 / box.height)
    part = replace(part, size=size, left=x - (box.left + box.width / 2) * size, top=y - box.bottom * size)
    return scene("inside", rng, stock, [around, part], (high, low), "in")
