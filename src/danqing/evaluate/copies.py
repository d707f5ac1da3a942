"""Does a model repeat what it learned from? The nearest training picture of each made one, and how many are suspicious.

A made picture is called authentic when the training picture nearest to it has another training picture that is nearer
still (Alaa et al., "How faithful is your synthetic data?", ICML 2022, eq. 8). The share of authentic pictures says
little alone, so real pictures that were never learned from are measured beside it: a model that has not learned by
heart gets about their share.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from danqing.evaluate.neighbours import nearest, pieces


@dataclass(frozen=True)
class Copies:
    """Of M made pictures; distances are those of features."""

    neighbour: Tensor
    """(M,) int64: the nearest training picture"""
    distance: Tensor
    """(M,) to it"""
    authentic: float
    """share, 0 .. 1"""
    authentic_real: float | None
    """the same of held-out real pictures; None where there are none"""
    distance_real: Tensor | None = None
    """(K,) of held-out real pictures to the training picture nearest to each"""

    def most_alike(self, count: int) -> Tensor:
        """(count,) int64: the made pictures that are nearest to what was learned from."""
        return self.distance.argsort()[:count]


def copies(train: Tensor, made: Tensor, held: Tensor | None) -> Copies:
    """Features (N, D), (M, D), and (K, D) of held-out pictures, K may be 0."""
    reach = nearest(train, 1)[:, 0]
    neighbour, squares = closest(made, train)
    real, apart = None, None
    if held is not None and len(held):
        theirs, away = closest(held, train)
        real, apart = float((away > reach[theirs]).double().mean()), away.sqrt()
    return Copies(neighbour, squares.sqrt(), float((squares > reach[neighbour]).double().mean()), real, apart)


def memorisation(distances: Tensor, points: int = 51) -> tuple[list[float], list[float]]:
    """How far (x), and the share of the pictures (N,) that have a training picture so near (y)."""
    shares = torch.linspace(0, 1, points)
    return torch.quantile(distances.float(), shares).tolist(), shares.tolist()


def closest(points: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Of every point (N, D) its nearest among (M, D): (N,) int64 and the squared distances (N,)."""
    places, found = [], []
    for _, squares in pieces(points, others):
        value, place = squares.min(1)
        places.append(place)
        found.append(value)
    return torch.cat(places), torch.cat(found)
