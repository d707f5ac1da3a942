"""Which names, and which names in which style, a model does not see while it learns. By hashes: no seed, no order."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from danqing.data.clipart.rows import Row

SHARE = 0.05
"""of the names, and of the pairs of name and style"""
STYLES_FOR_NAME = 2
STYLES_LEFT = 3
"""in which a name must still be seen when it is held out in another one"""


def with_splits(rows: Sequence[Row]) -> list[Row]:
    """The same rows with their splits. Only names of drawings in two styles or more can be held out."""
    styles: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.kind == "drawing":
            styles[name_of(row)].add(row.style)
    names = {name for name, seen in styles.items() if len(seen) >= STYLES_FOR_NAME and chance("name", name) < SHARE}
    pairs = {
        (name, style)
        for name, seen in styles.items()
        if name not in names
        for style in _held_styles(name, seen)
    }  # fmt: skip
    return [replace(row, split=_split(row, names, pairs)) for row in rows]


def name_of(row: Row) -> str:
    return row.name_en.casefold()


def chance(*parts: str) -> float:
    """0 <= x < 1, the same for the same words for ever."""
    return int.from_bytes(hashlib.sha256("/".join(parts).encode()).digest()[:6], "big") / 2**48


def _held_styles(name: str, styles: set[str]) -> list[str]:
    order = sorted((chance("pair", name, style), style) for style in styles)
    some = [style for number, style in order if number < SHARE]
    return some[: max(0, len(styles) - STYLES_LEFT)]


def _split(row: Row, names: set[str], pairs: set[tuple[str, str]]) -> str:
    if name_of(row) in names:
        return "name"
    return "pair" if (name_of(row), row.style) in pairs and row.kind == "drawing" else "train"
