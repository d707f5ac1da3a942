"""Does a model paint the class that was asked for? Who was taken for whom, and how well each class is told."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Told:
    """What a judge saw in pictures whose class is known."""

    confusion: Tensor
    """(K, K) int64: row asked for, column seen"""

    @property
    def f1(self) -> Tensor:
        """(K,): harmonic mean of precision and recall of each class, 0 where it was never seen."""
        right = self.confusion.diagonal().double()
        return 2 * right / (self.confusion.sum(0) + self.confusion.sum(1)).clamp(min=1)

    @property
    def accuracy(self) -> float:
        return float(self.confusion.diagonal().sum() / self.confusion.sum().clamp(min=1))


def told(asked: Tensor, seen: Tensor, classes: int) -> Told:
    """(N,) int64 each, 0 .. classes - 1."""
    return Told(torch.bincount(asked * classes + seen, minlength=classes * classes).view(classes, classes))
