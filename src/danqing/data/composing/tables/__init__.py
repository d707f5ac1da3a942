"""The hand-made tables, read: names, roles, heads, what can be worn. One table a file, columns between tabs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import NamedTuple

from danqing.data.composing.boxes import WHOLE, Box

HOME = Path(__file__).parent
EVERY = "*"
"""in place of styles: all that have no line of their own"""


class Name(NamedTuple):
    """Plainer names of a thing; either may be empty."""

    en: str
    zh: str
    only: str
    """= where the full Chinese name is no noun, so that scenes use the plainer one alone; == in English too"""


@dataclass(frozen=True)
class Head:
    """Where a head is in a picture, 0 .. 1."""

    x: float
    eye_y: float | None
    eye_gap: float
    top: float | None
    """None: the first painted point at x"""
    width: float

    @property
    def facing(self) -> bool:
        """Whether it looks at us and fills the picture, so that chin and mouth are where they are in a face."""
        return self.eye_y is not None and self.width >= 0.36


@dataclass(frozen=True)
class Wearable:
    """What can be worn and where it holds on."""

    what: str
    """code points, or the name of a drawing of this package"""
    place: str
    """hat | eyes | ears | bow | neck | mouth"""
    point: tuple[float, float]
    span: float
    turn: float
    cut: Box
    paintable: bool


class Worn(NamedTuple):
    """Words for a drawing of this package."""

    en: str
    short_en: str
    zh: str
    short_zh: str
    counter: str
    weight: float


def lines(name: str) -> Iterator[list[str]]:
    """The columns of every line that is no remark."""
    for line in (HOME / name).read_text(encoding="utf-8").splitlines():
        if line and line[0] != "#":
            yield line.split("\t")


@cache
def names() -> Mapping[str, Name]:
    return {row[0]: Name(row[1], row[2], "".join(row[3:])) for row in lines("names.tsv")}


@cache
def styles() -> Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """slug -> English words, Chinese words"""
    return {slug: (tuple(en.split(",")), tuple(zh.split(","))) for slug, en, zh in lines("styles.tsv")}


@cache
def counters() -> Mapping[str, str]:
    """end of a Chinese name -> measure word; the first line wins"""
    found: dict[str, str] = {}
    for word, ends in lines("counters.tsv"):
        for end in ends.split(" "):
            found.setdefault(end, word)
    return found


@cache
def roles() -> Mapping[str, frozenset[str]]:
    """part -> English names"""
    return {part: frozenset(all_names.split("; ")) for part, all_names in lines("roles.tsv")}


@cache
def heads() -> Mapping[tuple[str, str], Head]:
    """(code points, style) -> head"""
    found: dict[tuple[str, str], Head] = {}
    for codes, in_styles, x, eye_y, gap, top, width in lines("anchors.tsv"):
        head = Head(
            float(x), None if eye_y == "-" else float(eye_y), 0.0 if gap == "-" else float(gap),
            None if top == "=" else float(top), float(width),
        )  # fmt: skip
        for code in codes.split(","):
            found |= dict.fromkeys(((code, style) for style in in_styles.split(",")), head)
    return found


@cache
def wearables() -> Mapping[tuple[str, str], Wearable]:
    """(code points or drawing, style or EVERY) -> wearable"""
    found: dict[tuple[str, str], Wearable] = {}
    for what, in_styles, place, x, y, span, turn, top, bottom, paintable in lines("wearables.tsv"):
        cut = WHOLE._replace(top=float(top), bottom=float(bottom))
        thing = Wearable(what, place, (float(x), float(y)), float(span), float(turn), cut, paintable == "yes")
        found |= dict.fromkeys(((what, style) for style in in_styles.split(",")), thing)
    return found


@cache
def worn() -> Mapping[str, Worn]:
    """drawing of this package -> its words"""
    return {
        name: Worn(en, short_en, zh, short_zh, counter, float(weight))
        for name, en, short_en, zh, short_zh, counter, weight in lines("worn.tsv")
    }


@cache
def openings() -> Mapping[tuple[str, str], tuple[float, float, float]]:
    """(English name, style) -> middle x, y of the front edge, width"""
    found: dict[tuple[str, str], tuple[float, float, float]] = {}
    for name, in_styles, x, y, width in lines("openings.tsv"):
        found |= dict.fromkeys(((name, style) for style in in_styles.split(",")), (float(x), float(y), float(width)))
    return found


@cache
def seats() -> Mapping[str, tuple[float, float | None]]:
    """English name -> x and y where things stand; y None: the first painted point at x"""
    return {name: (float(x), None if y == "=" else float(y)) for name, _, x, y in lines("seats.tsv")}
