"""Rectangles in parts of a side, 0 .. 1 from the left and the top edge."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> tuple[float, float]:
        return (self.left + self.right) / 2, (self.top + self.bottom) / 2

    def mirrored(self) -> Box:
        return Box(1 - self.right, self.top, 1 - self.left, self.bottom)

    def moved(self, left: float, top: float, size: float) -> Box:
        """Where the box lies when its unit square has this corner and side."""
        return Box(left + self.left * size, top + self.top * size, left + self.right * size, top + self.bottom * size)

    def turned(self, degrees: float) -> Box:
        """The box around this one turned about the middle of the unit square."""
        if not degrees:
            return self
        xs, ys = zip(*(turned((x, y), degrees) for x in self[::2] for y in self[1::2]), strict=True)
        return Box(min(xs), min(ys), max(xs), max(ys))

    def inside(self, other: Box, slack: float = 1e-6) -> bool:
        low = self.left >= other.left - slack and self.top >= other.top - slack
        return low and self.right <= other.right + slack and self.bottom <= other.bottom + slack

    def overlap(self, other: Box) -> float:
        """Area in common."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(width, 0.0) * max(height, 0.0)


WHOLE = Box(0.0, 0.0, 1.0, 1.0)


def turned(point: tuple[float, float], degrees: float) -> tuple[float, float]:
    """A point turned clockwise about (0.5, 0.5)."""
    x, y = point[0] - 0.5, point[1] - 0.5
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return 0.5 + x * cosine - y * sine, 0.5 + x * sine + y * cosine


def union(boxes: Iterable[Box]) -> Box:
    """The smallest box around all."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return Box(min(lefts), min(tops), max(rights), max(bottoms))


def painted_box(alpha: np.ndarray, least: int = 8) -> Box:
    """Around what is painted: (H, W) uint8 -> parts of the sides; the whole where nothing is."""
    mask = alpha >= least
    across, down = np.flatnonzero(mask.any(0)), np.flatnonzero(mask.any(1))
    if not across.size:
        return WHOLE
    height, width = alpha.shape
    left, right, top, bottom = int(across[0]), int(across[-1]) + 1, int(down[0]), int(down[-1]) + 1
    return Box(left / width, top / height, right / width, bottom / height)
