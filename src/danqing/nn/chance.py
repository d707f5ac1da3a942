"""Chance is an argument: every random number comes from a generator that a seed, and nothing else, has made.

In training a step's numbers are a pure function of (seed, step, phase): a resumed run draws the same, and several
processes draw the numbers of the whole batch and take their share, so that they see what one process would have seen.
"""

import hashlib
from collections.abc import Sequence

import torch
from torch import Generator, Tensor


def derive(*parts: int | str) -> int:
    """A seed (0 .. 2**63 - 1) from any parts, well mixed and the same on every machine."""
    text = "/".join(str(part) for part in parts).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def generator(*parts: int | str) -> Generator:
    return Generator().manual_seed(derive(*parts))


def picture_generators(seed: int, count: int) -> list[Generator]:
    """One CPU generator per picture: picture i of a batch is painted with seed + i, alone or among others."""
    return [generator("picture", seed + i) for i in range(count)]


def noise(generators: Sequence[Generator], *shape: int) -> Tensor:
    """(N, *shape) standard normal, fp32 on the CPU, row i from generator i alone."""
    return torch.stack([torch.randn(shape, generator=g) for g in generators])


class Chance:
    """Random numbers of one training phase at one step, for this process's share of the batch."""

    def __init__(self, *parts: int | str, rank: int = 0, world: int = 1, device: torch.device | str = "cpu") -> None:
        self.generator = generator(*parts)
        self.rank, self.world, self.device = rank, world, device

    def normal(self, rows: int, *shape: int) -> Tensor:
        """(rows, *shape) standard normal."""
        return self._share(torch.randn(rows * self.world, *shape, generator=self.generator))

    def normal_like(self, x: Tensor) -> Tensor:
        return self.normal(*x.shape)

    def uniform(self, rows: int, *shape: int) -> Tensor:
        """(rows, *shape) uniform in [0, 1)."""
        return self._share(torch.rand(rows * self.world, *shape, generator=self.generator))

    def integers(self, high: int, rows: int) -> Tensor:
        """(rows,) int64 in 0 .. high - 1."""
        return self._share(torch.randint(high, (rows * self.world,), generator=self.generator))

    def keep(self, probability: float, rows: int) -> Tensor:
        """(rows,) bool, True with the given probability."""
        return self.uniform(rows) < probability

    def _share(self, whole: Tensor) -> Tensor:
        return whole.chunk(self.world)[self.rank].to(self.device)
