"""Compositions of a head and what it wears, or of a figure and what it holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from danqing.data.composing.colouring import colour_word, paintable, repainted, shown, stands_out, tinted
from danqing.data.composing.composition import OWN, Composition, Part, Thing
from danqing.data.composing.drawing import source
from danqing.data.composing.own import own_name
from danqing.data.composing.painting import paint_as
from danqing.data.composing.pairs import scene, two
from danqing.data.composing.singles import mirrored
from danqing.data.composing.stock import Stock
from danqing.data.composing.tables import EVERY, Head, Wearable, wearables, worn

OWN_SHARE = 0.6
"""of what is worn, that is a drawing of this package: those can have any colour"""
PAINTED_WORN = 0.7
PAINTED_HEAD = 0.25
LEAST_HEAD = 0.24
"""a hat is never made smaller than for a head of this width, so that it is seen"""
GRIPS = (0.88, 0.84)
"""where a face holds things, in parts of its box"""


def wear(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """A head with a hat, glasses, headphones, a bow, a scarf or a mask."""
    index = stock.pool("headed").drawn(rng)
    if index is None:
        return None
    head = stock.head(index)
    assert head is not None
    figure, thing = _figure(rng, stock, index)
    found = _own(rng, stock, index, head) if rng.random() < OWN_SHARE else _emoji(rng, stock, index, head)
    if found is None or not stands_out(found[1].paint, shown(stock, figure)):
        return None
    wearable, part, worn_thing = found
    part = _put_on(stock, figure, head, wearable, part, rng)
    return scene("wear", rng, stock, [figure, part], (thing, worn_thing), f"wear {wearable.place}")


def _figure(rng: np.random.Generator, stock: Stock, index: int) -> tuple[Part, Thing]:
    part = Part(index, mirrored=mirrored(rng, stock, index))
    thing = stock.thing(index, scene=True)
    if rng.random() < PAINTED_HEAD and paintable(stock, index):
        return repainted(rng, stock, part, thing) or (part, thing)
    return part, thing


def suits(wearable: Wearable, head: Head) -> bool:
    """Whether the head has the place that is needed."""
    if wearable.place in ("neck", "mouth"):
        return head.facing
    return head.eye_y is not None if wearable.place == "eyes" else True


def _own(rng: np.random.Generator, stock: Stock, index: int, head: Head) -> tuple[Wearable, Part, Thing] | None:
    """A drawing of this package, painted in most cases; never one whose name is held out."""
    can = [
        name
        for name, words in worn().items()
        if suits(wearables()[name, EVERY], head) and not set(words[:4]) & stock.held
    ]
    if not can:
        return None
    weights = np.array([worn()[name].weight for name in can])
    name = str(rng.choice(can, p=weights / weights.sum()))
    words, wearable = worn()[name], wearables()[name, EVERY]
    part = Part(OWN, own=own_name(name, stock.rows[index].style))
    thing = Thing(
        words.en, words.zh, words.short_en, words.short_zh, counter=words.counter, short_counter=words.counter
    )
    return wearable, *_dyed(rng, stock, wearable, part, thing)


def _emoji(rng: np.random.Generator, stock: Stock, index: int, head: Head) -> tuple[Wearable, Part, Thing] | None:
    """A picture of the same style."""
    can = [row for row in stock.worn_rows[stock.rows[index].style] if suits(stock.wearable(row), head)]
    can = [row for row in can if row != index]
    if not can:
        return None
    row = can[int(rng.integers(len(can)))]
    wearable = stock.wearable(row)
    part = Part(row, cut=wearable.cut)
    return wearable, *_dyed(rng, stock, wearable, part, stock.thing(row, scene=True))


def _dyed(rng: np.random.Generator, stock: Stock, wearable: Wearable, part: Part, thing: Thing) -> tuple[Part, Thing]:
    if not wearable.paintable or (not part.own and rng.random() > PAINTED_WORN):
        return part, thing
    word = "red" if rng.random() < 0.2 else colour_word(rng)
    paint = paint_as(source(part, stock.pictures), word, rng)
    return (replace(part, paint=paint), tinted(thing, paint)) if paint else (part, thing)


def _put_on(stock: Stock, figure: Part, head: Head, wearable: Wearable, part: Part, rng: np.random.Generator) -> Part:
    """The part moved and scaled onto the head of a figure that fills the unit square."""
    x = 1 - head.x if figure.mirrored else head.x
    top = stock.edge(figure.row, head.x) if head.top is None else head.top
    bottom = stock.edge(figure.row, head.x, -1)
    eye_y = head.eye_y or 0.0
    skull = max(head.width, LEAST_HEAD)
    sideways = 1 if rng.random() < 0.5 else -1
    x, y, width = {
        "hat": (x, top + 0.02, skull),
        "ears": (x, top, skull),
        "eyes": (x, eye_y, max(head.eye_gap, 0.46 * head.width)),
        "bow": (x + sideways * 0.36 * head.width, top + 0.06 * head.width, skull),
        "neck": (x, bottom - 0.06, head.width),
        "mouth": (x, eye_y + 0.52 * (bottom - eye_y), head.width),
    }[wearable.place]
    return hung(part, wearable, x, y, width, sideways * 12.0 if wearable.place == "bow" else wearable.turn)


def hung(part: Part, wearable: Wearable, x: float, y: float, width: float, turn: float) -> Part:
    """The part with its holding point at x, y, so wide that its span is `width`."""
    size = width / wearable.span
    return replace(part, size=size, turn=turn, left=x - wearable.point[0] * size, top=y - wearable.point[1] * size)


def hold(rng: np.random.Generator, stock: Stock) -> Composition | None:
    """A small thing before the lower side of a figure that looks at us."""
    found = two(rng, stock, "facing", "held")
    if found is None:
        return None
    figure, thing = _figure(rng, stock, found[0])
    part = Part(found[1])
    words = stock.thing(found[1], scene=True)
    if rng.random() < PAINTED_HEAD and paintable(stock, found[1]):
        part, words = repainted(rng, stock, part, words) or (part, words)
    part = _in_hand(rng, stock, figure, part)
    return scene("hold", rng, stock, [figure, part], (thing, words), "hold")


def _in_hand(rng: np.random.Generator, stock: Stock, figure: Part, part: Part) -> Part:
    """At the lower right or left of the figure; long things by their lower end."""
    around, box = stock.box(figure), stock.box(part)
    side = 1 if rng.random() < 0.5 else -1
    x = around.middle[0] + side * (GRIPS[0] - 0.5) * around.width
    y = around.top + GRIPS[1] * around.height
    stick = stock.is_a(part.row, "stick")
    size = float(rng.uniform(0.58, 0.72) if stick else rng.uniform(0.42, 0.55)) / max(box.width, box.height)
    grip_x, grip_y = box.middle[0], box.bottom - 0.04 if stick else box.middle[1]
    return replace(part, size=size, left=x - grip_x * size, top=y - grip_y * size, turn=8.0 * side if stick else 0.0)
