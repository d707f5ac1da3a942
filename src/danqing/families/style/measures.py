"""What style and content are, as numbers: statistics of feature maps and the distances between them.

A layer's statistics are the mean and the second raw moment of its features over all places,

    μ = E[f],      S = E[f fᵀ]      (S is Gatys' Gram matrix over the number of places; arXiv 1508.06576, eq. 3)

because both are plain averages: those of several styles mix linearly, those of a huge picture are the average over its
tiles, and a mask only weighs the places. Every distance below is of the form D(statistics, wanted statistics).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

TINY = 1e-8
ROOTS = 12
"""Newton-Schulz iterations of a matrix root"""


@dataclass(frozen=True)
class Moments:
    """The statistics of one layer."""

    mean: Tensor
    """(C,)"""
    second: Tensor
    """(C, C), symmetric"""

    @property
    def covariance(self) -> Tensor:
        """(C, C): S - μ μᵀ."""
        return self.second - self.mean[:, None] * self.mean

    @property
    def deviation(self) -> Tensor:
        """(C,) standard deviations."""
        return (self.second.diagonal() - self.mean.square()).clamp(min=TINY).sqrt()


def moments(features: Tensor, share: Tensor | float | None = None) -> Moments:
    """Of (C, H, W), every place counting 1 / (H W), or `share`, or as much as `share` (H, W), summing up to 1, says."""
    rows = features.permute(1, 2, 0).flatten(0, 1)  # (H W, C): no copy of what is channels_last
    share = 1 / len(rows) if share is None else share
    places = share.flatten()[:, None] if isinstance(share, Tensor) else torch.tensor(share, device=rows.device)
    return Moments(*_Moments.apply(rows, places))


class _Moments(torch.autograd.Function):
    """Σ p f and Σ p f fᵀ over rows f of (N, C), p (N, 1) or one number; fp32, whatever the rows are.

    As S is symmetric, its gradient p (D + Dᵀ) f takes one product instead of two.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(rows, places)
        ctx.set_materialize_grads(False)
        with torch.autocast(rows.device.type, enabled=False):
            exact = rows.float()
            weighed = exact * places if places.ndim else exact
            outside = 1 if places.ndim else places
            return weighed.sum(0) * outside, (weighed.T @ exact) * outside

    @staticmethod
    def backward(ctx: Any, of_mean: Tensor | None, of_second: Tensor | None) -> tuple[Tensor | None, None]:
        rows, places = ctx.saved_tensors
        outside = 1 if places.ndim else places
        slope = None
        if of_second is not None:
            slope = rows @ ((of_second + of_second.T) * outside).to(rows.dtype)
        if of_mean is not None:
            flat = (of_mean * outside).to(rows.dtype)
            slope = flat.expand_as(rows) if slope is None else slope.add_(flat)
        return slope if slope is None or not places.ndim else slope * places.to(rows.dtype), None


def mixed(several: Sequence[Moments], weights: Sequence[float]) -> Moments:
    """Of a manner between several; weights >= 0 are made to sum up to 1."""
    total = sum(weights)
    shares = [weight / total for weight in weights]
    means = sum(s * one.mean for s, one in zip(shares, several, strict=True))
    seconds = sum(s * one.second for s, one in zip(shares, several, strict=True))
    return Moments(means, seconds)  # type: ignore[arg-type]


# Distances of one layer's statistics; 0 for equal ones, about 1 for those of nothing (all zero).


def gram_distance(made: Moments, wanted: Moments) -> Tensor:
    """‖S - S*‖² / ‖S*‖² (arXiv 1508.06576, eq. 4, in units of the wanted)."""
    return (made.second - wanted.second).square().sum() / (wanted.second.square().sum() + TINY)


def spread_distance(made: Moments, wanted: Moments) -> Tensor:
    """Of means and standard deviations alone, which is what AdaIN matches (arXiv 1703.06868, eq. 13)."""
    error = (made.mean - wanted.mean).square().sum() + (made.deviation - wanted.deviation).square().sum()
    return error / (wanted.second.diagonal().sum() + TINY)


def wasserstein_distance(made: Moments, wanted: Moments) -> Tensor:
    """Squared Wasserstein-2 of two Gaussians (Dowson & Landau 1982, eq. 16), in units of the wanted second moments.

    |μ-μ*|² + tr(C + C* - 2 (C*^½ C C*^½)^½)
    """
    noise = TINY + 1e-4 * wanted.covariance.diagonal().mean()
    eye = noise * torch.eye(len(wanted.mean), device=wanted.mean.device)
    c, d = made.covariance + eye, wanted.covariance + eye
    half = root(d)
    bures = c.diagonal().sum() + d.diagonal().sum() - 2 * root(half @ c @ half).diagonal().sum()
    return ((made.mean - wanted.mean).square().sum() + bures) / (wanted.second.diagonal().sum() + TINY)


def both_distance(made: Moments, wanted: Moments) -> Tensor:
    """Gram matrix and, beside it, means and standard deviations: patterns and palette."""
    return (gram_distance(made, wanted) + spread_distance(made, wanted)) / 2


DISTANCES: Mapping[str, Callable[[Moments, Moments], Tensor]] = {
    "gram": gram_distance,
    "spread": spread_distance,
    "both": both_distance,
    "wasserstein": wasserstein_distance,
}


def root(matrix: Tensor) -> Tensor:
    """Square root of a positive definite (C, C), by coupled Newton-Schulz iterations (Higham 2008, eq. 6.35)."""
    norm = matrix.square().sum().sqrt()
    eye = torch.eye(len(matrix), device=matrix.device)
    y, z = matrix / norm, eye
    for _ in range(ROOTS):
        step = 1.5 * eye - 0.5 * z @ y
        y, z = y @ step, step @ z
    return y * norm.sqrt()


# Content.


def content_distance(made: Tensor, wanted: Tensor, unit: float) -> Tensor:
    """Mean squared difference of features (C, H, W), in units of the whole picture's (arXiv 1508.06576, eq. 1)."""
    return (made - wanted).square().mean() / (unit + TINY)


def energy(features: Tensor) -> float:
    """Mean square."""
    return float(features.float().square().mean())


def normalised(features: Tensor) -> Tensor:
    """(C, H, W) with mean 0 and deviation 1 in every channel: shapes without their contrast and palette.

    A channel that sees nothing stays 0, and its gradient is finite.
    """
    flat = features.flatten(1)
    variance, mean = torch.var_mean(flat, 1, keepdim=True)
    return ((flat - mean) / (variance + TINY).sqrt()).view_as(features)


def total_variation(picture: Tensor) -> Tensor:
    """Mean squared step to the right and downwards, of (..., H, W)."""
    return (picture.diff(dim=-1).square().mean() + picture.diff(dim=-2).square().mean()) / 2
