"""Two sets of features -> one number. Every metric is `(real, made) -> float` with its ideal value beside it.

    @metric("mine", label="mine", ideal=0.0, higher_is_better=False)
    def mine(sets): ...  # sets.real (N, D), sets.made (M, D) -> float

Fréchet distance and KID compute in float64, the others in the type that comes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import torch
from torch import Tensor

from danqing.errors import BadInputError
from danqing.evaluate.neighbours import Crossing, cross
from danqing.registry import register

NEAR = 3
"""k of precision and recall (Kynkäänniemi et al. 2019, section 3)"""
DENSE = 5
"""k of density and coverage (Naeem et al. 2020, section 4)"""
EVERYTHING = (-inf, inf)
FEWEST = 2 * DENSE
"""rows on each side without which no metric says anything"""


class Sets:
    """Real and made features, and what several metrics need of them, computed once."""

    def __init__(self, real: Tensor, made: Tensor) -> None:
        """real (N, D), made (M, D), rows of any float type."""
        for side, rows in (("real", real), ("made", made)):
            if rows.ndim != 2 or len(rows) < FEWEST or rows.shape[1] != real.shape[1]:
                raise BadInputError(
                    f"The {side} features have the shape {tuple(rows.shape)}; "
                    f"give (N, D) with N >= {FEWEST} and the same D on both sides."
                )
        self.real, self.made = real, made

    @cached_property
    def crossing(self) -> Crossing:
        return cross(self.real, self.made, (NEAR, DENSE))


Measure = Callable[[Sets], float]


@dataclass(frozen=True)
class Metric:
    """(real (N, D), made (M, D)) -> float."""

    name: str
    label: str
    """what stands before the net's name in a report: FD-effl0"""
    ideal: float
    higher_is_better: bool
    limits: tuple[float, float]
    """no value lies outside"""
    measure: Measure
    title: str
    """one line for people"""

    def __call__(self, real: Tensor, made: Tensor) -> float:
        return self.measure(Sets(real, made))


def metric(
    name: str, label: str, ideal: float, higher_is_better: bool, limits: tuple[float, float] = EVERYTHING
) -> Callable[[Measure], Metric]:
    """Decorator that files a function of two sets of features as a metric; its docstring becomes the title."""

    def file(measure: Measure) -> Metric:
        title = (measure.__doc__ or name).strip().splitlines()[0]
        return register("metric", name)(Metric(name, label, ideal, higher_is_better, limits, measure, title))

    return file


# Heusel et al. 2017 (arXiv 1706.08500), eq. 6: |m - m'|^2 + Tr(C + C' - 2 (C C')^(1/2)).
@metric("frechet", "FD", ideal=0.0, higher_is_better=False, limits=(0, inf))
def frechet(sets: Sets) -> float:
    """Fréchet distance between the Gaussians of the same mean and covariance; biased upwards when N is small."""
    real, made = sets.real.double(), sets.made.double()
    x, y = scaled(real), scaled(made)
    few = len(x) < x.shape[1] and len(y) < y.shape[1]
    root = root_of_few(x, y) if few else trace_root(x.T @ x, y.T @ y)
    between = (real.mean(0) - made.mean(0)).square().sum() + x.square().sum() + y.square().sum() - 2 * root
    return max(0.0, between.item())


def scaled(rows: Tensor) -> Tensor:
    """Rows (N, D) float64 -> x with mean zero and x.T @ x their unbiased covariance (D, D)."""
    return (rows - rows.mean(0)) / (len(rows) - 1) ** 0.5


def root_of_few(x: Tensor, y: Tensor) -> Tensor:
    """Tr((x.T x y.T y)^(1/2)) of x (N, D) and y (M, D): the singular values of x y.T; cheaper where N, M < D."""
    return torch.linalg.svdvals(x @ y.T).sum()


def trace_root(a: Tensor, b: Tensor) -> Tensor:
    """Tr((a b)^(1/2)) of symmetric, positive a and b (D, D): a b has the eigenvalues of a^(1/2) b a^(1/2)."""
    values, vectors = torch.linalg.eigh(a)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    return torch.linalg.eigvalsh(root @ b @ root).clamp(min=0).sqrt().sum()


# Binkowski et al. 2018 (arXiv 1801.01401), section 3, with the unbiased estimator of Gretton et al. 2012, eq. 3.
@metric("kid", "KID", ideal=0.0, higher_is_better=False)
def kid(sets: Sets) -> float:
    """Kernel distance (unbiased, may fall below 0): comparable even where pictures are few."""
    real, made = sets.real.double(), sets.made.double()
    return mean_of_others(real) + mean_of_others(made) - 2 * kernel_sum(real, made) / (len(real) * len(made))


def kernel_sum(x: Tensor, y: Tensor) -> float:
    """Sum of k(a, b) = (a.b / D + 1)^3 over all rows a of x (N, D) and b of y (M, D)."""
    return sum(((part @ y.T) / x.shape[1] + 1).pow_(3).sum().item() for part in x.split(1000))


def mean_of_others(x: Tensor) -> float:
    """Mean of k(a, b) over rows a, b of x (N, D) that are not the same row."""
    same = (x.square().sum(1) / x.shape[1] + 1).pow(3).sum().item()
    return (kernel_sum(x, x) - same) / (len(x) * (len(x) - 1))


def share(of: Tensor) -> float:
    """Mean of (N,) bool or whole numbers."""
    return of.double().mean().item()


# Kynkäänniemi et al. 2019 (arXiv 1904.06991), eq. 1 and 2; balls without their surface, as in Naeem's code.
@metric("precision", "precision", ideal=1.0, higher_is_better=True, limits=(0, 1))
def precision(sets: Sets) -> float:
    """Share of the made pictures that lie among the real ones (k = 3): fidelity."""
    return share(sets.crossing.made_in_real[NEAR] > 0)


@metric("recall", "recall", ideal=1.0, higher_is_better=True, limits=(0, 1))
def recall(sets: Sets) -> float:
    """Share of the real pictures that lie among the made ones (k = 3): variety."""
    return share(sets.crossing.real_in_made[NEAR] > 0)


@metric("f1", "F1", ideal=1.0, higher_is_better=True, limits=(0, 1))
def f1(sets: Sets) -> float:
    """Harmonic mean of precision and recall."""
    p, r = precision.measure(sets), recall.measure(sets)
    return 2 * p * r / (p + r) if p + r > 0 else 0.0


# Naeem et al. 2020 (arXiv 2002.09797), eq. 5.
@metric("density", "density", ideal=1.0, higher_is_better=True, limits=(0, inf))
def density(sets: Sets) -> float:
    """How thickly the made pictures lie among the real ones (k = 5); robust to outliers, may exceed 1."""
    return share(sets.crossing.made_in_real[DENSE]) / DENSE


# Naeem et al. 2020, eq. 6.
@metric("coverage", "coverage", ideal=1.0, higher_is_better=True, limits=(0, 1))
def coverage(sets: Sets) -> float:
    """Share of the real pictures that have a made one near them (k = 5); robust to outliers."""
    return share(sets.crossing.real_met[DENSE])
