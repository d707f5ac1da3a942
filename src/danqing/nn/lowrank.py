"""Small changes of large matrices, which learn while the matrices stay: LoRA (Hu et al., arXiv 2106.09685).

W = W0 + B A        W0 (m, n) fixed, B (m, r), A (r, n), r far below m and n
"""

from typing import Any, cast

import torch
from torch import Generator, Tensor, nn
from torch.nn.utils import parametrize

LEAST = 64
"""a matrix with fewer rows or columns is left as it is"""


class LowRank(nn.Module):
    """A learned change of rank r; B begins at zero, so that nothing changes at first."""

    def __init__(self, weight: Tensor, rank: int, chance: Generator) -> None:
        super().__init__()
        rows, columns = weight.flatten(1).shape
        self.down = nn.Parameter(torch.randn(rank, columns, generator=chance) / columns**0.5)
        self.up = nn.Parameter(torch.zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + (self.up @ self.down).view_as(weight)


class LastRows(nn.Module):
    """Of a table only the last rows learn."""

    def __init__(self, weight: Tensor, count: int) -> None:
        super().__init__()
        self.more = nn.Parameter(torch.zeros_like(weight[-count:]))

    def forward(self, weight: Tensor) -> Tensor:
        return torch.cat([weight[: -len(self.more)], weight[-len(self.more) :] + self.more])


def learn_low_rank(module: nn.Module, rank: int, chance: Generator) -> None:
    """From now on nothing of `module` learns but a change of that rank of every large matrix and convolution."""
    module.requires_grad_(False)
    for layer in list(module.modules()):
        if isinstance(layer, (nn.Linear, nn.Conv2d)) and min(layer.weight.flatten(1).shape) >= LEAST:
            change(layer, LowRank(layer.weight, rank, chance))


def learn_last_rows(table: nn.Embedding, count: int = 1) -> None:
    change(table, LastRows(table.weight, count))


def change(layer: nn.Module, by: nn.Module) -> None:
    parametrize.register_parametrization(layer, "weight", by)
    cast(Any, layer).parametrizations.weight.original.requires_grad_(False)


def merge(module: nn.Module) -> None:
    """The changes become part of the matrices; nothing of it learns any more."""
    for layer in list(module.modules()):
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight", leave_parametrized=True)
    module.requires_grad_(False)
