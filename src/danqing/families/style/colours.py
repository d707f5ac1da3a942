"""Keep the photo's colours, in three ways.

    luminance    the painting's brightness, the photo's hues: nothing of the style's palette is left
    recolour     the style is first given the photo's palette, so brightness and strokes still belong together
    histogram    the same, but channel by channel and exactly

Gatys et al., arXiv 1606.05897; Pitié & Kokaram 2007, "The linear Monge-Kantorovitch colour mapping". Pictures are
(3, H, W) in [-1, 1]; none of this needs a network.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

TO_YCC = torch.tensor([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
"""RGB -> brightness and two differences of colour (ITU-R BT.601, full range)"""
LEAST = 1e-4
"""variance below which a colour direction counts as empty"""


def with_colours_of(painting: Tensor, photo: Tensor) -> Tensor:
    """The painting's brightness with the photo's hues, pixel by pixel; both of one size."""
    ours, theirs = (torch.einsum("ij,jhw->ihw", TO_YCC, one) for one in (painting, photo))
    return torch.einsum("ij,jhw->ihw", TO_YCC.inverse(), torch.cat([ours[:1], theirs[1:]])).clamp(-1, 1)


def recoloured(picture: Tensor, model: Tensor) -> Tensor:
    """The picture with the mean and covariance of the model's colours, moved as little as possible."""
    return in_palette(picture, palette(model))


Palette = tuple[Tensor, Tensor]
"""mean (3,) and covariance (3, 3), float64"""


def in_palette(picture: Tensor, aimed: Palette) -> Tensor:
    """x' = T (x - μ) + μ*,  T = C^-½ (C^½ C* C^½)^½ C^-½, the optimal map between two Gaussians."""
    mean, covariance = palette(picture)
    aim, wanted = aimed
    half = power(covariance, 0.5)
    inverse = power(covariance, -0.5)
    map_ = inverse @ power(half @ wanted @ half, 0.5) @ inverse
    moved = map_ @ (picture.flatten(1).double() - mean[:, None]) + aim[:, None]
    return moved.view_as(picture).to(picture).clamp(-1, 1)


def pooled(palettes: Sequence[Palette], shares: Sequence[float]) -> Palette:
    """Of all their colours together, in those shares."""
    parts = torch.tensor(shares, dtype=torch.float64) / sum(shares)
    means, covariances = (torch.stack(list(part)) for part in zip(*palettes, strict=True))
    mean = parts @ means
    apart = means - mean
    inside = torch.einsum("k,kij->ij", parts, covariances)
    return mean, inside + torch.einsum("k,ki,kj->ij", parts, apart, apart)


def palette(picture: Tensor) -> Palette:
    """Of the colours of (3, H, W)."""
    flat = picture.flatten(1).double()
    return flat.mean(1), torch.cov(flat, correction=0) + LEAST * torch.eye(3, dtype=torch.float64)


def power(matrix: Tensor, exponent: float) -> Tensor:
    """Of a symmetric positive definite matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors @ torch.diag(values.clamp(min=LEAST**2) ** exponent) @ vectors.T


def with_histogram_of(picture: Tensor, model: Tensor) -> Tensor:
    """The picture with the model's distribution of brightness and of each difference of colour."""
    ours, theirs = (torch.einsum("ij,jhw->ihw", TO_YCC, one).flatten(1) for one in (picture, model))
    ranks = ours.argsort(1).argsort(1).float() / max(1, ours.shape[1] - 1)
    sorted_, last = theirs.sort(1).values, theirs.shape[1] - 1
    at = ranks * last
    low = at.floor().long().clamp(max=last)
    found = torch.lerp(sorted_.gather(1, low), sorted_.gather(1, (low + 1).clamp(max=last)), at - low)
    return torch.einsum("ij,jn->in", TO_YCC.inverse(), found).view_as(picture).clamp(-1, 1)


RECOLOURINGS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "recolour": recoloured,
    "histogram": with_histogram_of,
}
"""what is done to the style's picture, given the photo"""
KEEPINGS = ("luminance", *RECOLOURINGS)
