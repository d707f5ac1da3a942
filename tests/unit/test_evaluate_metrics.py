"""Metrics against closed forms, against the PyPI package prdc, and against what must hold for any of them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from torch import Tensor

from danqing.errors import BadInputError
from danqing.evaluate import neighbours
from danqing.evaluate.metrics import DENSE, NEAR
from danqing.nn.chance import generator
from danqing.registry import get, names

METRICS = ("coverage", "density", "f1", "frechet", "kid", "precision", "recall")


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=generator("test metrics", seed), dtype=torch.float64)


def white(count: int, dims: int, seed: int = 0) -> Tensor:
    """(count, dims) with mean exactly 0 and unbiased covariance exactly 1."""
    rows = normal(count, dims, seed=seed)
    rows = rows - rows.mean(0)
    factor = torch.linalg.cholesky(rows.T @ rows / (count - 1))
    return torch.linalg.solve_triangular(factor, rows.T, upper=False).T


def test_all_metrics_are_registered() -> None:
    assert set(METRICS) <= set(names("metric"))


@pytest.mark.parametrize("name", names("metric"))
def test_the_same_set_gets_the_ideal_value(name: str) -> None:
    metric, rows = get("metric", name), normal(1000, 8)
    assert metric(rows, rows.clone()) == pytest.approx(metric.ideal, abs=0.02)


@pytest.mark.parametrize("name", names("metric"))
def test_a_better_set_gets_a_better_value(name: str) -> None:
    metric, real = get("metric", name), normal(600, 4)
    near, far = metric(real, normal(600, 4, seed=1)), metric(real, normal(600, 4, seed=1) * 0.3 + 2)
    assert near > far if metric.higher_is_better else near < far


@pytest.mark.parametrize("name", names("metric"))
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_order_does_not_matter(name: str, seed: int) -> None:
    metric, real, made = get("metric", name), normal(60, 5, seed=seed), normal(40, 5, seed=seed + 1) + 0.5
    order = torch.randperm(40, generator=generator("order", seed))
    assert metric(real.flip(0), made[order]) == pytest.approx(metric(real, made), rel=1e-9, abs=1e-9)


def test_frechet_between_known_gaussians() -> None:
    """Diagonal: |m - m'|^2 + sum (s - s')^2."""
    s, t, shift = torch.tensor([1.0, 2.0, 3.0, 0.0]), torch.tensor([2.0, 2.0, 1.0, 0.5]), torch.tensor([1.0, -2, 0, 0])
    wanted = (shift.square().sum() + (s - t).square().sum()).item()
    assert get("metric", "frechet")(white(300, 4) * s, white(200, 4, seed=1) * t + shift) == pytest.approx(wanted)


def test_frechet_between_gaussians_that_do_not_commute() -> None:
    """In two dimensions Tr((A B)^(1/2)) = sqrt(Tr(A B) + 2 sqrt(det A det B))."""
    a, b = torch.tensor([[2.0, 0.0], [1.0, 1.0]]).double(), torch.tensor([[1.0, 0.0], [-2.0, 0.5]]).double()
    cov_a, cov_b = a @ a.T, b @ b.T
    root = ((cov_a @ cov_b).trace() + 2 * (cov_a.det() * cov_b.det()).sqrt()).sqrt()
    wanted = (cov_a.trace() + cov_b.trace() - 2 * root).item()
    assert get("metric", "frechet")(white(100, 2) @ a.T, white(150, 2, seed=1) @ b.T) == pytest.approx(wanted)


@pytest.mark.parametrize("rows", [40, 300])
def test_frechet_agrees_with_scipys_matrix_root(rows: int) -> None:
    """|m - m'|² + Tr(C + C' - 2 (C C')^(1/2)) as torch-fidelity and pytorch-fid compute it, on given features."""
    linalg = pytest.importorskip("scipy.linalg")
    real, made = normal(rows, 12).double(), normal(rows + 10, 12, seed=1).double() * 1.3 + 0.2
    c, d = (np.cov(side.numpy(), rowvar=False) for side in (real, made))
    between = float((real.mean(0) - made.mean(0)).square().sum())
    wanted = between + float(np.trace(c + d - 2 * linalg.sqrtm(c @ d).real))
    assert get("metric", "frechet")(real, made) == pytest.approx(wanted, rel=1e-6)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_frechet_is_symmetric_and_zero_on_the_same_set(seed: int) -> None:
    frechet, a, b = get("metric", "frechet"), normal(30, 6, seed=seed), normal(40, 6, seed=seed + 1) * 2
    assert frechet(a, b) == pytest.approx(frechet(b, a), rel=1e-6)
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)


def test_frechet_with_fewer_rows_than_dimensions_is_finite() -> None:
    assert 0 < get("metric", "frechet")(normal(20, 50), normal(20, 50, seed=1)) < 200


def kid_by_hand(x: Tensor, y: Tensor) -> float:
    def k(a: Tensor, b: Tensor) -> float:
        return (a @ b / len(a) + 1).item() ** 3

    def others(s: Tensor) -> float:
        return sum(k(s[i], s[j]) for i in range(len(s)) for j in range(len(s)) if i != j) / (len(s) * (len(s) - 1))

    return others(x) + others(y) - 2 * sum(k(a, b) for a in x for b in y) / (len(x) * len(y))


def test_kid_is_the_double_sum() -> None:
    x, y = normal(12, 3), normal(10, 3, seed=1) + 1
    assert get("metric", "kid")(x, y) == pytest.approx(kid_by_hand(x, y))


def test_kid_is_unbiased() -> None:
    """Two samples of one distribution: the mean over many is 0 within its own error."""
    values = [get("metric", "kid")(normal(50, 4, seed=i), normal(50, 4, seed=1000 + i)) for i in range(200)]
    error = torch.tensor(values).std().item() / 200**0.5
    assert abs(sum(values) / 200) < 3 * error
    assert min(values) < 0


@pytest.mark.parametrize("shift", [0.0, 0.7, 3.0])
def test_neighbour_metrics_agree_with_prdc(shift: float, capsys: pytest.CaptureFixture[str]) -> None:
    real, made = normal(300, 6), normal(250, 6, seed=1) + shift
    for k, ours in ((NEAR, ("precision", "recall")), (DENSE, ("density", "coverage"))):
        theirs = compute_prdc(real.numpy(), made.numpy(), nearest_k=k)
        assert {name: get("metric", name)(real, made) for name in ours} == pytest.approx({n: theirs[n] for n in ours})


def test_f1_is_the_harmonic_mean_and_zero_when_far_away() -> None:
    real, made = normal(200, 3), normal(200, 3, seed=1) + 0.5
    p, r = get("metric", "precision")(real, made), get("metric", "recall")(real, made)
    assert get("metric", "f1")(real, made) == pytest.approx(2 / (1 / p + 1 / r))
    assert get("metric", "f1")(real, made + 100) == 0


def test_a_collapsed_generator_has_no_recall() -> None:
    made = normal(1, 4).expand(100, 4)
    assert get("metric", "recall")(normal(100, 4), made) == 0


def test_pieces_are_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = normal(37, 5) + 10, normal(23, 5, seed=1) + 10
    monkeypatch.setattr(neighbours, "PIECE", 100)
    parts = list(neighbours.pieces(a, b))
    assert len(parts) == 10
    torch.testing.assert_close(torch.cat([squares for _, squares in parts]), torch.cdist(a, b) ** 2)


@pytest.mark.parametrize("made", [normal(3, 4), normal(50, 5), normal(50)])
def test_features_that_do_not_fit_are_refused(made: Tensor) -> None:
    with pytest.raises(BadInputError, match="made features"):
        get("metric", "kid")(normal(50, 4), made)
