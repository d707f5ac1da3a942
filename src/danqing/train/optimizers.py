"""Optimisers by name. Each builder takes a module and the settings and returns torch optimisers with their rates."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from danqing.registry import get, register
from danqing.train.settings import TrainSettings

Optimizers = list[Optimizer]


def make(module: nn.Module, settings: TrainSettings) -> Optimizers:
    """The optimisers of one phase; each parameter group remembers its `full_lr`."""
    optimizers: Optimizers = get("optimizer", settings.optimizer)(module, settings)
    for group in groups(optimizers):
        group["full_lr"] = group["lr"]
    return optimizers


def groups(optimizers: Iterable[Optimizer]) -> list[dict[str, Any]]:
    return [group for optimizer in optimizers for group in optimizer.param_groups]


@register("optimizer", "sgd")
def sgd(module: nn.Module, s: TrainSettings) -> Optimizers:
    return [SGD(module.parameters(), s.lr, momentum=s.momentum, weight_decay=s.weight_decay)]


@register("optimizer", "rmsprop")
def rmsprop(module: nn.Module, s: TrainSettings) -> Optimizers:
    return [RMSprop(module.parameters(), s.lr, alpha=s.beta2, weight_decay=s.weight_decay)]


@register("optimizer", "adam")
def adam(module: nn.Module, s: TrainSettings) -> Optimizers:
    return [Adam(module.parameters(), s.lr, (s.momentum, s.beta2), weight_decay=s.weight_decay, fused=True)]


@register("optimizer", "adamw")
def adamw(module: nn.Module, s: TrainSettings) -> Optimizers:
    return [AdamW(module.parameters(), s.lr, (s.momentum, s.beta2), weight_decay=s.weight_decay, fused=True)]


@register("optimizer", "muon")
def muon(module: nn.Module, s: TrainSettings) -> Optimizers:
    matrices, rest = split_matrices(module)
    made: Optimizers = [Muon(matrices, s.muon_lr, weight_decay=s.weight_decay)] if matrices else []
    if rest:
        made.append(AdamW(rest, s.lr, (s.momentum, s.beta2), weight_decay=s.weight_decay, fused=True))
    return made


def split_matrices(module: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Hidden matrices (Muon's) and everything else: tables, doors (inward, outward), biases, depthwise filters."""
    matrices: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    tables = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding)}
    for name, p in module.named_parameters():
        door = "inward" in name or "outward" in name or id(p) in tables or not name.endswith("weight")
        thin = p.ndim < 2 or min(p.shape[0], p[0].numel()) < 16
        (rest if door or thin else matrices).append(p)
    return matrices, rest


class Muon(Optimizer):
    """Momentum whose update is made orthogonal (Jordan et al. 2024, kellerjordan.github.io/posts/muon).

    Convolutions count as (out, in·k·k) matrices. Matrices of one shape are treated as one batch. The update is scaled
    by sqrt(max(1, rows / columns)), so that one learning rate serves all shapes.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float, momentum: float = 0.95, weight_decay: float = 0.0):
        super().__init__(list(params), {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            by_shape: dict[tuple[int, int], list[nn.Parameter]] = {}
            for p in group["params"]:
                if p.grad is not None:
                    by_shape.setdefault((p.shape[0], p[0].numel()), []).append(p)
            for shape, params in by_shape.items():
                self._step_shape(shape, params, group)

    def _step_shape(self, shape: tuple[int, int], params: list[nn.Parameter], group: dict[str, Any]) -> None:
        updates = torch.stack(
            [self._nesterov(p, group["momentum"]).reshape(shape) for p in params]
        )  # (n, rows, columns)
        updates = orthogonal(updates) * max(1.0, shape[0] / shape[1]) ** 0.5
        for p, update in zip(params, updates, strict=True):
            p.mul_(1 - group["lr"] * group["weight_decay"]).add_(update.view(p.shape), alpha=-group["lr"])

    def _nesterov(self, p: Any, momentum: float) -> Tensor:
        state = self.state[p]
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(p)
        state["momentum"].lerp_(p.grad, 1 - momentum)
        return p.grad.lerp(state["momentum"], momentum)


def orthogonal(m: Tensor, steps: int = 5) -> Tensor:
    """(n, rows, columns) -> nearly orthogonal matrices with the same singular directions, by Newton-Schulz iteration.

    The quintic a x + b x³ + c x⁵ with (3.4445, -4.7750, 2.0315) drives every singular value into about [0.7, 1.2].
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = m.shape[1] > m.shape[2]
    x = m.mT if tall else m
    x = x / (torch.linalg.matrix_norm(x, keepdim=True) + 1e-7)
    if torch.is_autocast_enabled(m.device.type):  # the whole of it: sums of two number formats are slow
        x = x.to(torch.get_autocast_dtype(m.device.type))
    for _ in range(steps):
        g = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(g, g, g, beta=b, alpha=c), x, beta=a)
    return (x.mT if tall else x).to(m.dtype)
