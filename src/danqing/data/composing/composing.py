"""A kind and rows by chance -> a composition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from danqing.data.composing import figures, pairs, singles
from danqing.data.composing.captions import sentences
from danqing.data.composing.composition import Composition
from danqing.data.composing.stock import Stock
from danqing.errors import BadInputError, UsageError, unknown

Maker = Callable[[np.random.Generator, Stock], Composition | None]

MAKERS: Mapping[str, Maker] = {
    "plain": singles.plain, "hue": singles.hue, "background": singles.background, "place": singles.place,
    "count": singles.count, "pair": pairs.pair, "on": pairs.on, "inside": pairs.inside, "wear": figures.wear,
    "hold": figures.hold,
}  # fmt: skip
KINDS = tuple(MAKERS)
WEIGHTS: Mapping[str, float] = {
    "plain": 0.4, "hue": 0.12, "background": 0.06, "place": 0.04, "count": 0.08, "pair": 0.09, "on": 0.03,
    "inside": 0.01, "wear": 0.12, "hold": 0.05,
}  # fmt: skip
"""kind -> how often beside the others"""
TRIES = 300
"""rows that do not suit a kind before another kind is taken"""


def compose(rng: np.random.Generator, stock: Stock, weights: Mapping[str, float] = WEIGHTS) -> Composition:
    """A new composition of rows to learn from.

    Raises UsageError for weights of kinds that do not exist, BadInputError where the set allows none of the kinds.
    """
    kinds = _wanted(weights)
    while kinds:
        shares = np.array([kinds[kind] for kind in kinds])
        kind = str(rng.choice(list(kinds), p=shares / shares.sum()))
        for _ in range(TRIES):
            made = MAKERS[kind](rng, stock)
            if made is not None:
                en, zh = sentences(made)
                return replace(made, words_en=en, words_zh=zh)
        del kinds[kind]
    raise BadInputError(f"This set allows no composition of the kinds {', '.join(weights)}; add plain to them.")


def _wanted(weights: Mapping[str, float]) -> dict[str, float]:
    for kind in weights:
        if kind not in MAKERS:
            raise unknown("kind of composition", kind, KINDS)
    wanted = {kind: float(weight) for kind, weight in weights.items() if weight > 0}
    if not wanted or any(weight < 0 for weight in weights.values()):
        raise UsageError("The weights of the kinds must not be below 0, and one must be above it.")
    return wanted
