"""The set made ready for composing: what can be drawn from it, how often, and where things are in its pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from danqing.data.clipart.rows import Row
from danqing.data.composing.boxes import WHOLE, Box, painted_box
from danqing.data.composing.composition import OWN, Part, Thing
from danqing.data.composing.drawing import source
from danqing.data.composing.naming import thing_of
from danqing.data.composing.painting import Ruler, ruler
from danqing.data.composing.tables import Head, Wearable, heads, roles, wearables
from danqing.errors import BadInputError

TAGS = frozenset({"Animals & Nature", "Food & Drink", "Objects", "Travel & Places", "Activities"})
"""of things that may stand in a scene"""
PEOPLE = frozenset({"People & Body", "Smileys & Emotion"})
RULED = 0.7
"""share of a picture that one of its colours must have to be named in a scene"""
SMILEYS = 0.07
"""weight of a smiley's head beside that of an animal, of which there are far fewer"""


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows to draw from by weight."""

    rows: np.ndarray
    """(n,) int64"""
    ends: np.ndarray
    """(n,) float64: sums of the weights so far"""

    @staticmethod
    def of(rows: Sequence[int], weights: Iterable[float]) -> Pool:
        return Pool(np.array(rows, np.int64), np.cumsum(np.fromiter(weights, np.float64)))

    def __len__(self) -> int:
        return len(self.rows)

    def drawn(self, rng: np.random.Generator) -> int | None:
        """One row; None from an empty pool."""
        if not len(self.rows):
            return None
        place = int(np.searchsorted(self.ends, rng.random() * self.ends[-1], "right"))
        return int(self.rows[min(place, len(self.rows) - 1)])


class Stock:
    """Rows and pictures of one set. Only rows to learn from are ever drawn; what is measured is kept."""

    def __init__(self, rows: Sequence[Row], pictures: Any) -> None:
        """`pictures`: (N, S, S, 4) uint8, premultiplied alpha, one a row. BadInputError where the numbers differ."""
        if len(rows) != len(pictures):
            raise BadInputError(f"There are {len(rows)} rows and {len(pictures)} pictures; give one picture a row.")
        self.rows = tuple(rows)
        self.pictures = pictures
        self.train = tuple(index for index, row in enumerate(self.rows) if row.split == "train")
        held = [row for row in self.rows if row.split == "name"]
        self.held = frozenset(name for row in held for name in (row.name_en.lower(), row.name_zh) if name)
        """names that no caption may say"""
        self._boxes: dict[int, Box] = {}
        self._rulers: dict[int, Ruler | None] = {}
        self._pools: dict[tuple[str, str], Pool] = {}

    # ---------------------------------------------------------------- pools
    def pool(self, name: str, style: str = "") -> Pool:
        """The rows of a kind (a key of POOLS), of one style or of all."""
        if (name, style) not in self._pools:
            among = self.by_style[style] if style else self.train
            fits = POOLS[name]
            rows = [index for index in among if fits(self, index)]
            self._pools[name, style] = Pool.of(rows, (self._weight(name, index) for index in rows))
        return self._pools[name, style]

    def _weight(self, pool: str, index: int) -> float:
        row = self.rows[index]
        smiley = pool in ("headed", "facing") and row.name_en.endswith("face") and "Smileys & Emotion" in row.tags
        return row.weight * (SMILEYS if smiley else 1.0)

    @cached_property
    def by_style(self) -> Mapping[str, list[int]]:
        """Rows to learn from of every style."""
        found: dict[str, list[int]] = defaultdict(list)
        for index in self.train:
            found[self.rows[index].style].append(index)
        return found

    @cached_property
    def worn_rows(self) -> Mapping[str, list[int]]:
        """style -> rows to learn from that can be worn in it"""
        found: dict[str, list[int]] = defaultdict(list)
        for index in self.train:
            row = self.rows[index]
            if (row.codepoints, row.style) in wearables():
                found[row.style].append(index)
        return found

    # ---------------------------------------------------------------- what rows are
    def head(self, index: int) -> Head | None:
        """Where its head is; where a style has two drawings of one name, by its id."""
        row = self.rows[index]
        return heads().get((row.id, row.style)) or heads().get((row.codepoints, row.style))

    def wearable(self, index: int) -> Wearable:
        return wearables()[self.rows[index].codepoints, self.rows[index].style]

    def is_a(self, index: int, part: str) -> bool:
        return self.rows[index].name_en in roles()[part]

    def thing(self, index: int, scene: bool = False) -> Thing:
        """What captions say of a row; in a scene its colour only where one rules it, and none of people."""
        thing = thing_of(self.rows[index], self.held, scene)
        if scene and thing.colours:
            found = self.ruler(index)
            ruled = len(thing.colours) == 1 or (found is not None and found.share >= RULED)
            return replace(thing, colours=thing.colours[:1] if ruled and not self.person(index) else ())
        return thing

    def person(self, index: int) -> bool:
        return bool(PEOPLE & set(self.rows[index].tags))

    # ---------------------------------------------------------------- measured
    def box(self, part: Part) -> Box:
        """Around what is painted of a part, in its own square, mirrored and turned as the part is."""
        if part.row == OWN or part.cut != WHOLE:
            box = painted_box(source(part, self.pictures)[..., 3])
            return box.turned(part.turn)
        box = self.painted(part.row)
        return (box.mirrored() if part.mirrored else box).turned(part.turn)

    def painted(self, index: int) -> Box:
        if index not in self._boxes:
            self._boxes[index] = painted_box(np.asarray(self.pictures[index][..., 3]))
        return self._boxes[index]

    def ruler(self, index: int) -> Ruler | None:
        if index not in self._rulers:
            self._rulers[index] = ruler(np.asarray(self.pictures[index]))
        return self._rulers[index]

    def edge(self, index: int, x: float, end: int = 0) -> float:
        """Height of the first (end 0) or last (end -1) painted point in the column at x, 0 .. 1."""
        picture = self.pictures[index]
        side = picture.shape[0]
        column = min(max(round(x * side), 2), side - 3)
        found = np.flatnonzero(np.asarray(picture[:, column - 2 : column + 3, 3]).mean(1) > 100)
        return float(found[end] - end) / side if found.size else 0.5


def _drawing(stock: Stock, index: int) -> bool:
    return stock.rows[index].kind == "drawing"


def _lone(stock: Stock, index: int) -> bool:
    """A thing that can stand for itself: for backgrounds and places."""
    row = stock.rows[index]
    if stock.is_a(index, "not alone"):
        return False
    word = row.name_en.isalpha() and len(row.name_en) >= 3
    return row.kind == "drawing" or (row.kind == "icon" and (word or bool(row.name_zh)))


def _in_scene(stock: Stock, index: int) -> bool:
    """A thing that can stand beside others."""
    row = stock.rows[index]
    if stock.person(index) and " " in row.name_en and not stock.is_a(index, "stander"):
        return False
    fits = row.kind == "drawing" and bool(TAGS & set(row.tags) or stock.is_a(index, "stander"))
    return fits and not stock.is_a(index, "not alone") and ":" not in row.name_en


def _counted(stock: Stock, index: int) -> bool:
    return _in_scene(stock, index) and not stock.is_a(index, "several")


def _stander(stock: Stock, index: int) -> bool:
    row = stock.rows[index]
    return _in_scene(stock, index) and ("Animals & Nature" in row.tags or stock.is_a(index, "stander"))


def _facing(stock: Stock, index: int) -> bool:
    head = stock.head(index)
    return head is not None and head.facing


def _role(part: str) -> Callable[[Stock, int], bool]:
    return lambda stock, index: _drawing(stock, index) and stock.is_a(index, part)


POOLS: Mapping[str, Callable[[Stock, int], bool]] = {
    "all": lambda stock, index: True,
    "lone": _lone,
    "scene": _in_scene,
    "counted": _counted,
    "stander": _stander,
    "support": _role("support"),
    "container": _role("container"),
    "held": _role("held"),
    "headed": lambda stock, index: stock.head(index) is not None,
    "facing": _facing,
}
"""name -> whether a row belongs there"""
