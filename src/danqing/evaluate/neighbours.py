"""Distances between rows of features, a piece at a time: 10,000 x 10,000 rows need less than 300 MB."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

PIECE = 4_000_000
"""distances that are in memory at once: 32 MB in float64, a few times that with what is computed from them"""


def pieces(rows: Tensor, columns: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Squared distances |a_i - b_j|^2 of rows (N, D) and columns (M, D) as (slice of N, (n, M) >= 0)."""
    centre = rows.mean(0)  # near the origin the subtraction below loses fewer digits
    a, b = rows - centre, columns - centre
    lengths = (b * b).sum(1)
    step = max(1, PIECE // len(b))
    for start in range(0, len(a), step):
        part = a[start : start + step]
        squares = torch.addmm(lengths, part, b.T, alpha=-2).add_((part * part).sum(1, keepdim=True))
        yield slice(start, start + step), squares.clamp_(min=0)


def nearest(points: Tensor, k: int) -> Tensor:
    """Squared distances from every point (N, D) to its k nearest other points, ascending: (N, k)."""
    found = [squares.topk(k + 1, largest=False).values[:, 1:] for _, squares in pieces(points, points)]
    return torch.cat(found)  # the nearest of all, left out, is the point itself


@dataclass(frozen=True)
class Crossing:
    """Who lies in whose balls; the ball of a point reaches to its k-th nearest neighbour in its own set."""

    made_in_real: dict[int, Tensor]
    """k -> (M,) int64: in how many balls of real points each made point lies"""
    real_in_made: dict[int, Tensor]
    """k -> (N,) int64: in how many balls of made points each real point lies"""
    real_met: dict[int, Tensor]
    """k -> (N,) bool: whether the ball of each real point holds any made point"""


def cross(real: Tensor, made: Tensor, ks: tuple[int, ...]) -> Crossing:
    """Compare the sets (N, D) and (M, D) for several k at once; the three distance tables are gone through once."""
    real_reach, made_reach = nearest(real, max(ks)), nearest(made, max(ks))
    in_real = {k: torch.zeros(len(made), dtype=torch.int64) for k in ks}
    in_made = {k: torch.zeros(len(real), dtype=torch.int64) for k in ks}
    met = {k: torch.zeros(len(real), dtype=torch.bool) for k in ks}
    for place, squares in pieces(real, made):
        closest = squares.amin(1)
        for k in ks:
            reach = real_reach[place, k - 1]
            in_real[k] += (squares < reach[:, None]).sum(0)
            in_made[k][place] = (squares < made_reach[:, k - 1]).sum(1)
            met[k][place] = closest < reach
    return Crossing(in_real, in_made, met)


def mean_distance(features: Tensor) -> float:
    """Between all pairs of rows (N, D)."""
    total = sum(float(squares.sqrt().double().sum()) for _, squares in pieces(features, features))
    return total / max(1, len(features) * (len(features) - 1))
