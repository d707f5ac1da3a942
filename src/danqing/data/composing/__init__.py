"""Rows of the clip-art set -> new pictures without end, with captions that are true by construction.

stock = Stock(clipart.rows, clipart.pictures)
composition = compose(rng, stock)
picture, words = draw(composition, stock.pictures), caption(composition, rng, "zh")
"""

from danqing.data.composing.captions import caption, languages
from danqing.data.composing.composing import KINDS, WEIGHTS, compose
from danqing.data.composing.composition import Composition, Ground, Paint, Part, Thing
from danqing.data.composing.drawing import draw
from danqing.data.composing.stock import Stock

__all__ = [
    "KINDS",
    "WEIGHTS",
    "Composition",
    "Ground",
    "Paint",
    "Part",
    "Stock",
    "Thing",
    "caption",
    "compose",
    "draw",
    "languages",
]
