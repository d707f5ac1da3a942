"""The moving average of weights that paints better than the last weights."""

import copy

import torch
from torch import nn


def half_life_weight(batch: int, seen: int, half_life: float) -> float:
    """Weight of the past when `half_life` is a share of the pictures seen (EDM, arXiv 2206.00364, app. F.2)."""
    return 0.5 ** (batch / max(half_life * seen, 1e-8))


class Average:
    """An exponential moving average of a module's parameters and float buffers, kept as a second module."""

    def __init__(self, module: nn.Module, half_life: float) -> None:
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.half_life = half_life

    @torch.no_grad()
    def update(self, live: nn.Module, batch: int, seen: int) -> None:
        past = half_life_weight(batch, seen, self.half_life) if self.half_life > 0 else 0.0
        mine, theirs = self.module.state_dict(), live.state_dict()
        floats = [name for name, value in mine.items() if value.is_floating_point()]
        torch._foreach_lerp_([mine[n] for n in floats], [theirs[n] for n in floats], 1 - past)
        for name in mine.keys() - set(floats):
            mine[name].copy_(theirs[name])
