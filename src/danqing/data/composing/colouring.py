"""Which colours suit: paints for pictures that one colour rules, backgrounds that things stand out from."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from danqing.data.composing.composition import Ground, Lch, Paint, Part, Thing
from danqing.data.composing.drawing import source
from danqing.data.composing.english import several
from danqing.data.composing.naming import COLOURED_EN, COLOURED_ZH
from danqing.data.composing.painting import GREY, anchor, paint_as
from danqing.data.composing.stock import Stock
from danqing.words.colours import COLOURS

LEAST_SHARE, MOST_REST = 0.42, 0.33
"""of the painted area: of the ruling colour, and of all other colours together"""
LEAST_CHROMA = 0.06
LEAST_GREY = 0.6
"""share that a grey must rule to be painted over"""
LEAST_CONTRAST = 0.22
"""distance in OKLab between a background and what stands on it"""
DISC_SHARE = 0.3
"""of backgrounds that are a disc"""
GROUNDED, GROUNDED_WHITE = 0.15, 0.75
"""share of scenes that have a background: of all, and of those with something painted white"""
LIKED = {"gold": 0.3, "grey": 0.5, "brown": 0.7, "white": 0.7, "black": 0.7}
"""how often a colour is taken beside 1 for the others"""
WORDS = tuple(COLOURS)
_CHANCES = np.array([LIKED.get(word, 1.0) for word in WORDS])
PAINTABLE_CREATURES = frozenset({"ghost", "alien", "alien monster", "robot", "pile of poo"})


def colour_word(rng: np.random.Generator, without: tuple[str, ...] = ()) -> str:
    """One of the colour words, the plain ones oftener."""
    chances = np.where(np.isin(WORDS, without), 0.0, _CHANCES)
    return WORDS[int(rng.choice(len(WORDS), p=chances / chances.sum()))]


def paintable(stock: Stock, index: int) -> bool:
    """Whether one colour rules the picture, and another would make sense: no people, no smileys, no red heart."""
    row = stock.rows[index]
    if row.kind != "drawing" or (stock.person(index) and row.name_en not in PAINTABLE_CREATURES):
        return False
    thing = stock.thing(index)
    if several(row.name_en) and not stock.is_a(index, "held"):
        return False
    if _tinted(thing.en, thing.zh) and (not thing.short_en or _tinted(thing.short_en, thing.short_zh)):
        return False
    found = stock.ruler(index)
    if found is None or found.rest > MOST_REST:
        return False
    grey = found.lch[1] < LEAST_CHROMA
    return found.share >= (LEAST_GREY if grey or found.lch[1] < GREY else LEAST_SHARE)


def _tinted(en: str, zh: str) -> bool:
    return bool(COLOURED_EN.search(en) or COLOURED_ZH.search(zh))


def stands_out(paint: Paint | None, from_lch: Lch | None) -> bool:
    """Whether a painted thing can be seen before another colour."""
    return paint is None or from_lch is None or _distance(paint.target, from_lch) > LEAST_CONTRAST


def repainted(rng: np.random.Generator, stock: Stock, part: Part, thing: Thing) -> tuple[Part, Thing] | None:
    """A part in another colour, with its words; None where it would not be called so."""
    word = colour_word(rng, thing.colours[:1])
    paint = paint_as(source(part, stock.pictures), word, rng)
    return (replace(part, paint=paint), tinted(thing, paint)) if paint else None


def tinted(thing: Thing, paint: Paint) -> Thing:
    """The words of a thing that was painted: names that hold another colour give way to the plainer one."""
    if _tinted(thing.en, thing.zh):
        thing = replace(
            thing, en=thing.short_en, zh=thing.short_zh, counter=thing.short_counter, short_en="", short_zh=""
        )
    return replace(thing, colour=paint.word, colours=())


def ground_for(rng: np.random.Generator, stock: Stock, parts: tuple[Part, ...], disc: bool = False) -> Ground | None:
    """A background that every part stands out from; None where none of a few does."""
    seen = [lch for part in parts if (lch := shown(stock, part))]
    for _ in range(5):
        word = colour_word(rng)
        light, chroma, hue = anchor(word)
        if all(_distance((light, chroma, hue), lch) > LEAST_CONTRAST for lch in seen):
            jitter = rng.integers(-7, 8, 3)
            red, green, blue = (
                int(min(max(value + shift, 0), 255)) for value, shift in zip(COLOURS[word], jitter, strict=True)
            )
            return Ground("disc" if disc and rng.random() < DISC_SHARE else "full", (red, green, blue), word)
    return None


def perhaps_ground(rng: np.random.Generator, stock: Stock, parts: tuple[Part, ...]) -> Ground | None:
    """Sometimes a background; mostly, where something was painted white, which is lost on white paper."""
    white = any(part.paint and part.paint.word == "white" for part in parts)
    return ground_for(rng, stock, parts) if rng.random() < (GROUNDED_WHITE if white else GROUNDED) else None


def shown(stock: Stock, part: Part) -> Lch | None:
    """The colour that rules a part as it is drawn."""
    if part.paint:
        return part.paint.target
    found = stock.ruler(part.row) if not part.own else None
    return found.lch if found else None


def _distance(one: Lch, two: Lch) -> float:
    """In OKLab."""
    turn = math.radians(one[2] - two[2])
    across = one[1] ** 2 + two[1] ** 2 - 2 * one[1] * two[1] * math.cos(turn)
    return math.sqrt((one[0] - two[0]) ** 2 + across)
