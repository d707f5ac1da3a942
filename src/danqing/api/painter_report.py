"""What `evaluate_painter` found out: plain rows for tables and JSON, and the pictures for its sheets."""

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from danqing.evaluate.report import Row
from danqing.evaluate.words import Recall

SPLITS = {"pair": "known name, unseen in this style", "name": "unseen name"}
"""what is held out, as people read it"""
SOURCES = ("words", "words zh", "true embedding", "real pictures")
"""painted from the English name, from the Chinese name, from the real picture's embedding; not painted at all"""


@dataclass(frozen=True)
class Score:
    """How often pictures are taken for what was asked for."""

    split: str
    """one of SPLITS"""
    source: str
    """one of SOURCES"""
    style: str
    """a style of the painter; empty for all together"""
    r1: Recall
    r5: Recall
    understood: float | None = None
    """share of the prompts in which no word was ignored; None where there were no prompts"""


@dataclass(frozen=True)
class Distance:
    """How far pictures of a source are from the real held-out ones, as a set."""

    source: str
    row: Row


@dataclass(frozen=True)
class Share:
    """A part of some pictures, with its 95 % interval."""

    value: float
    low: float
    high: float
    count: int
    """pictures"""


@dataclass(frozen=True)
class Pair:
    """A painted picture and the training picture nearest to it."""

    painted: str
    """id of the held-out picture whose words were painted"""
    training: str
    """id of the training picture"""
    likeness: float
    """cosine of their embeddings, 1 for the same picture"""


@dataclass(frozen=True)
class Copies:
    """Whether the painter repeats what it learned from."""

    threshold: float
    """99 of 100 real held-out pictures are less like their nearest training picture"""
    above: Share
    """of the painted pictures"""
    median: float
    """likeness of painted pictures to their nearest training picture"""
    real_median: float
    """the same of the real held-out pictures"""
    nearest: tuple[Pair, ...]
    """those that are most like a training picture"""


@dataclass(frozen=True)
class Composed:
    """How well new combinations are painted, of one kind."""

    kind: str
    source: str
    """words, or drawn: the same combinations put together from real pictures, the most that can be hoped for"""
    first: Recall
    """of the thing, or of the first of two"""
    second: Recall | None
    """of what is beside it, or worn"""
    colour: Share | None
    """pictures in which the colour that was asked for can be measured; None where none was asked for"""
    other_colour: Share | None
    """pictures in which a colour can be measured that was asked for in the next picture: what luck gives"""


@dataclass(frozen=True, eq=False)
class Shown:
    """A row of a sheet."""

    caption: str
    pictures: tuple[np.ndarray | None, ...]
    """(H, W, 3) uint8 each; None where there is none"""


@dataclass(frozen=True)
class PainterReport:
    """How well a painter obeys."""

    model: str
    hash: str
    steps: int
    """of the decoder"""
    seed: int
    counts: dict[str, int]
    """held-out pictures that were asked for, by split"""
    rows: tuple[Score, ...]
    styles: tuple[Score, ...]
    """the same, style by style"""
    distances: tuple[Distance, ...]
    copies: Copies | None
    """None for a painter that does not list its training pictures"""
    composed: tuple[Composed, ...]
    notes: tuple[str, ...]
    """whole sentences: what to beware of"""
    sheet: tuple[Shown, ...] = field(default=(), repr=False, compare=False)
    """held-out pictures: real, their embedding painted, their English words painted, their Chinese words painted"""
    closest: tuple[Shown, ...] = field(default=(), repr=False, compare=False)
    """`copies.nearest`: painted, training picture"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict, without pictures."""
        named = {name: getattr(self, name) for name in ("model", "hash", "steps", "seed", "counts")}
        tables = {name: [asdict(row) for row in getattr(self, name)] for name in TABLES}
        copies = None
        if self.copies:
            copies = asdict(self.copies) | {"nearest": [asdict(pair) for pair in self.copies.nearest]}
        return {**named, **tables, "copies": copies, "notes": list(self.notes)}


TABLES = ("rows", "styles", "distances", "composed")
