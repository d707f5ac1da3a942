"""Noise schedules: z_t = alpha(t) x + sigma(t) e, with t = 0 pure noise and t = 1 the clean picture."""

import math
from typing import Protocol

import torch
from torch import Tensor

from danqing.registry import register


class Schedule(Protocol):
    """alpha rises from 0 to 1, sigma falls from 1 to 0; t is a tensor of any shape with values in [0, 1]."""

    def alpha(self, t: Tensor) -> Tensor: ...
    def sigma(self, t: Tensor) -> Tensor: ...
    def alpha_slope(self, t: Tensor) -> Tensor: ...
    def sigma_slope(self, t: Tensor) -> Tensor: ...


class Flow:
    """The straight path of flow matching and rectified flow (arXiv 2210.02747, 2209.03003)."""

    def alpha(self, t: Tensor) -> Tensor:
        return t

    def sigma(self, t: Tensor) -> Tensor:
        return 1 - t

    def alpha_slope(self, t: Tensor) -> Tensor:
        return torch.ones_like(t)

    def sigma_slope(self, t: Tensor) -> Tensor:
        return -torch.ones_like(t)


class Cosine:
    """The variance-preserving cosine schedule (Nichol & Dhariwal, arXiv 2102.09672, eq. 17, with s = 0)."""

    def alpha(self, t: Tensor) -> Tensor:
        return torch.sin(t * math.pi / 2)

    def sigma(self, t: Tensor) -> Tensor:
        return torch.cos(t * math.pi / 2).clamp(min=0) * (t < 1)

    def alpha_slope(self, t: Tensor) -> Tensor:
        return torch.cos(t * math.pi / 2) * math.pi / 2

    def sigma_slope(self, t: Tensor) -> Tensor:
        return -torch.sin(t * math.pi / 2) * math.pi / 2


register("schedule", "flow")(Flow())
register("schedule", "cosine")(Cosine())


def times(steps: int, first: float = 0.0) -> Tensor:
    """(steps + 1,) fp64 from `first` (noise) to 1 (clean), evenly spaced."""
    return torch.linspace(first, 1, steps + 1, dtype=torch.float64)
