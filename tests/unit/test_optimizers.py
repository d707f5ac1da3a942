"""Optimisers by name, and Muon's mathematics."""

import pytest
import torch
from torch import nn

from danqing.registry import names
from danqing.train import TrainSettings
from danqing.train.optimizers import Muon, make, orthogonal, split_matrices

LR = {"sgd": 0.05, "rmsprop": 0.01, "adam": 0.02, "adamw": 0.02, "muon": 0.02}


@pytest.mark.parametrize("name", names("optimizer"))
def test_every_optimizer_solves_least_squares(name: str) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(32, 32)
    x, wanted = torch.randn(64, 32), torch.randn(64, 32) @ torch.eye(32) * 0.1
    optimizers = make(layer, TrainSettings(optimizer=name, lr=LR.get(name, 0.01), muon_lr=0.01))
    losses = []
    for _ in range(200):
        layer.zero_grad()
        loss = (layer(x) - wanted).square().mean()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("name", names("optimizer"))
def test_every_parameter_has_one_optimizer(name: str) -> None:
    net = nn.Sequential(nn.Conv2d(3, 20, 3), nn.BatchNorm2d(20), nn.Flatten(), nn.Linear(80, 20), nn.Embedding(3, 20))
    groups = [
        group for optimizer in make(net, TrainSettings(optimizer=name, lr=0.3)) for group in optimizer.param_groups
    ]
    held = [id(p) for group in groups for p in group["params"]]
    assert sorted(held) == sorted(id(p) for p in net.parameters())
    assert all(group["full_lr"] == group["lr"] for group in groups)


@pytest.mark.parametrize("net", [nn.Linear(2, 2), nn.Linear(32, 32, bias=False)])
def test_muon_serves_networks_with_only_one_kind_of_weights(net: nn.Module) -> None:
    assert make(net, TrainSettings(optimizer="muon"))


@pytest.mark.parametrize("shape", [(32, 32), (16, 64), (64, 16), (128, 128)])
def test_orthogonal_brings_singular_values_near_one(shape: tuple[int, int]) -> None:
    m = (
        torch.randn(3, *shape, generator=torch.Generator().manual_seed(0))
        * torch.tensor([1e-4, 1.0, 1e4])[:, None, None]
    )
    values = torch.linalg.svdvals(orthogonal(m, 5))
    assert values.max() < 1.3 and values.flatten(1).quantile(0.1) > 0.5  # the smallest of all may lag behind
    assert torch.linalg.svdvals(orthogonal(m, 10)).min() > 0.5


def test_orthogonal_in_bf16_is_nearly_that_in_fp32() -> None:
    m = torch.randn(2, 48, 24, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        made = orthogonal(m)
    assert made.dtype == torch.float32
    assert 0 < (made - orthogonal(m)).norm() < 0.05 * made.norm()


def test_orthogonal_keeps_singular_directions() -> None:
    u, v = (torch.linalg.qr(torch.randn(24, 24, generator=torch.Generator().manual_seed(i)))[0] for i in (1, 2))
    made = u.mT @ orthogonal((u * torch.linspace(0.1, 1, 24) @ v.mT)[None])[0] @ v
    off = made - torch.diag(made.diagonal())
    assert off.abs().max() < 1e-3 and (made.diagonal() > 0.5).all() and (made.diagonal() < 1.3).all()


def test_the_first_step_of_muon() -> None:
    """Whatever the gradient's size: an orthogonal matrix times the rate, times sqrt(rows / columns) where tall."""
    for rows, columns, scale in ((32, 32, 1.0), (64, 16, 2.0), (16, 64, 1.0)):
        p = nn.Parameter(torch.zeros(rows, columns))
        p.grad = torch.randn(rows, columns, generator=torch.Generator().manual_seed(0)) * 1e3
        Muon([p], lr=0.1).step()
        values = torch.linalg.svdvals(-p.data) / (0.1 * scale)
        assert values.median() == pytest.approx(1, abs=0.35) and values.max() < 1.3


def test_muon_treats_equal_shapes_together_as_it_would_alone() -> None:
    grads = torch.randn(3, 16, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    together = [nn.Parameter(torch.zeros(16, 2, 3, 3)) for _ in grads]
    for p, grad in zip(together, grads, strict=True):
        p.grad = grad.clone()
    Muon(together, lr=0.1).step()
    for p, grad in zip(together, grads, strict=True):
        alone = nn.Parameter(torch.zeros(16, 2, 3, 3))
        alone.grad = grad.clone()
        Muon([alone], lr=0.1).step()
        torch.testing.assert_close(p.data, alone.data, rtol=1e-4, atol=1e-6)


def test_which_weights_are_matrices() -> None:
    net = nn.ModuleDict({
        "inward": nn.Linear(32, 32), "hidden": nn.Linear(32, 32), "table": nn.Embedding(32, 32),
        "depthwise": nn.Conv2d(32, 32, 3, groups=32), "conv": nn.Conv2d(32, 32, 3), "outward": nn.Linear(32, 32),
    })  # fmt: skip
    matrices, rest = split_matrices(net)
    assert {id(p) for p in matrices} == {id(net["hidden"].weight), id(net["conv"].weight)}
    assert len(matrices) + len(rest) == len(list(net.parameters()))
