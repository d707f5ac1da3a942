"""Compositions of one thing: as it is, painted, before a background, small in a corner, several times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from danqing.data.clipart.colouring import colour_words
from danqing.data.composing.boxes import Box
from danqing.data.composing.colouring import ground_for, paintable, perhaps_ground, repainted
from danqing.data.composing.composition import Composition, Ground, Part, Thing
from danqing.data.composing.drawing import draw
from danqing.data.composing.english import several
from danqing.data.composing.layout import FRAME, PLACES, framed, loose, shaken, shrunk, tidy, within
from danqing.data.composing.stock import Stock

READABLE = re.compile(
    r"\b(left|right|facing|clockwise|letters?|text|words?|abc|number|input|clocks?|watch|time|calendar|book|notebook|ledger|"
    r"newspaper|sign|button|mark|keyboard|music\w*|maps?|globe|receipt|banknote|dollar|yen|euro|pound|card|points|zzz|"
    r"ticket|tickets|medal|8|bank|hospital|school|hotel|office|store|castle|stop|bus|ambulance|police|taxi|chart|"
    r"disk|page|memo|compass|mahjong|joker|slot|dna|x-ray|dvd|e-mail|score|notes?|question|exclamation|"
    r"scroll|idea|barber|hole|die|flags?|saluting|cricket|numbers|percent|font|gesturing|writing|guitar|violin)\b",
    re.I,
)
"""names of pictures that hold something to read, or that are another thing when mirrored"""
PAINTED = 0.2
"""share of counted and placed things that are painted"""
COUNTS = {2: 0.27, 3: 0.3, 4: 0.2, 5: 0.13, 6: 0.1}
SMALL = 0.45
"""a placed thing is called small up to this part of the frame"""


def mirrored(rng: np.random.Generator, stock: Stock, index: int) -> bool:
    """By chance, where a mirror image is as good."""
    row = stock.rows[index]
    return row.kind == "drawing" and not READABLE.search(row.name_en) and bool(rng.random() < 0.5)


def single(
    kind: str, stock: Stock, index: int, parts: Sequence[Part], thing: Thing,
    relation: str = "", count: int = 1, ground: Ground | None = None,
) -> Composition:  # fmt: skip
    return Composition(kind, (index,), tuple(parts), (thing,), stock.rows[index].style, relation, count, ground)


def plain(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """The picture as it is, perhaps mirrored."""
    index = stock.pool("all").drawn(rng)
    if index is None:
        return None
    part = Part(index, mirrored=mirrored(rng, stock, index))
    return single("plain", stock, index, [part], stock.thing(index))


def hue(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """The picture in another colour."""
    index = stock.pool("lone").drawn(rng)
    if index is None or not paintable(stock, index):
        return None
    part = Part(index, mirrored=mirrored(rng, stock, index))
    found = repainted(rng, stock, part, stock.thing(index, scene=True))
    if found is None:
        return None
    part, thing = found
    ground = perhaps_ground(rng, stock, (part,))
    if ground:
        part = within(stock, part, shrunk(FRAME, 0.8))
    alone = single("hue", stock, index, [part], thing)
    if colour_words(draw(alone, stock.pictures))[:1] != [thing.colour]:  # the paint was tried on a smaller picture
        return None
    return replace(alone, ground=ground)


def background(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """The picture before a colour."""
    index = stock.pool("lone").drawn(rng)
    if index is None:
        return None
    part = Part(index, mirrored=mirrored(rng, stock, index))
    ground = ground_for(rng, stock, (part,), disc=True)
    if ground is None:
        return None
    room = 0.68 if ground.shape == "disc" else float(rng.uniform(0.6, 0.95))
    part = within(stock, part, shrunk(FRAME, room))
    return single("background", stock, index, [part], stock.thing(index, scene=True), ground=ground)


def place(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """The picture small, in one part of the frame."""
    index = stock.pool("lone").drawn(rng)
    if index is None:
        return None
    part, thing = _perhaps_painted(rng, stock, index)
    relation = list(PLACES)[int(rng.integers(len(PLACES)))]
    room = float(rng.uniform(0.25, SMALL))
    box = within(stock, part, Box(0.0, 0.0, room, room))
    around = stock.box(box).moved(box.left, box.top, box.size)
    x, y = (0.06 + 0.88 * share for share in PLACES[relation])
    left, top = x * (1 - around.width) - around.left, y * (1 - around.height) - around.top
    part = shaken(replace(box, left=box.left + left, top=box.top + top), rng, 0.02)
    ground = perhaps_ground(rng, stock, (part,))
    return single("place", stock, index, [part], thing, relation, ground=ground)


def count(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """The same thing two to six times."""
    index = stock.pool("counted").drawn(rng)
    if index is None or not _countable(stock, index):
        return None
    part, thing = _perhaps_painted(rng, stock, index)
    number = int(rng.choice(list(COUNTS), p=list(COUNTS.values())))
    made = _in_order(rng, stock, part, number) if rng.random() < 0.5 else _thrown(rng, stock, part, number)
    parts = framed(stock, made)
    ground = perhaps_ground(rng, stock, parts[:1])
    return single("count", stock, index, parts, thing, count=number, ground=ground)


def _countable(stock: Stock, index: int) -> bool:
    name = stock.rows[index].name_en
    return not several(name) and not (stock.person(index) and " " in name)


def _in_order(rng: np.random.Generator, stock: Stock, part: Part, number: int) -> list[Part]:
    part = replace(part, mirrored=mirrored(rng, stock, part.row))
    return [within(stock, part, shrunk(cell, 0.9)) for cell in tidy(number, rng)]


def _thrown(rng: np.random.Generator, stock: Stock, part: Part, number: int) -> list[Part]:
    box = stock.box(part)
    largest = max(box.width, box.height)
    shape = (0.62 * box.width / largest, 0.62 * box.height / largest)
    made = []
    for cell in loose(number, shape, rng):
        turn = float(rng.uniform(-14, 14)) if rng.random() < 0.6 else 0.0
        some = replace(part, mirrored=mirrored(rng, stock, part.row), turn=turn)
        made.append(within(stock, some, cell))
    return made


def _perhaps_painted(rng: np.random.Generator, stock: Stock, index: int) -> tuple[Part, Thing]:
    part = Part(index, mirrored=mirrored(rng, stock, index))
    thing = stock.thing(index, scene=True)
    if rng.random() < PAINTED and paintable(stock, index):
        return repainted(rng, stock, part, thing) or (part, thing)
    return part, thing
