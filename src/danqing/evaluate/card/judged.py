"""All that is known of one model on a report card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from danqing.evaluate.classes import Told
from danqing.evaluate.copies import Copies
from danqing.evaluate.report import Report, Row
from danqing.types import Card


@dataclass(frozen=True, eq=False)
class Judged:
    name: str
    card: Card
    report: Report
    made: Tensor
    """(M, C, S, S) uint8, in the order they were painted, none picked"""
    copies: Copies
    """in the features of the report's first net"""
    power: Tensor
    """(S // 2,) logarithm of the made pictures' power by frequency"""
    sharpness: float
    """1 as sharp as real ones"""
    spread: float
    """mean distance between made pictures' features in units of the real ones' : 1 as varied"""
    told: Told | None
    """None where no judge knows the classes"""
    curve: Sequence[Mapping[str, float]]
    """lines of the training's log; empty where it is not beside the model"""

    def row(self, metric: str, features: str | None = None) -> Row:
        """The first row of that metric."""
        return next(row for row in self.report.rows if row.metric == metric and features in (None, row.features))

    @property
    def features(self) -> str:
        """The net that the first figures are in."""
        return self.report.rows[0].features

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        told = self.told
        return {
            "name": self.name, "card": self.card.plain(), **self.report.plain(), "sharpness": self.sharpness,
            "spread": self.spread, "authentic": self.copies.authentic, "authentic_real": self.copies.authentic_real,
            "confusion": told.confusion.tolist() if told else None, "class_f1": told.f1.tolist() if told else None,
        }  # fmt: skip
