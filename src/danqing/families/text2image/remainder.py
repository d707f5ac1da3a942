"""What the gist leaves over of an embedding, as a Gaussian, and the best linear way to free it from noise.

Of the pool's embeddings e and gists ê the remainder r = e - ê has the covariance U diag(v) Uᵀ (principal components).
Of z = t r + (1 - t) noise the best linear guess is Wiener's, along each component

    r̂ = t v / (t² v + (1 - t)²) z,      what is still unknown has the deviation (1 - t) √(v / (t² v + (1 - t)²)).

Both are closed form, so the prior's network begins there and says, along the first K components, only what is not
linear, in units of what is unknown: preconditioning as in Karras et al. (arXiv 2206.00364, eq. 7), with the data's
covariance in the place of one deviation.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

LEAST = 1e-4
"""variance of a component that hardly varies"""


class Remainder(nn.Module):
    """remainder.along(z) -> u, remainder.seen(u, t) -> what a network sees, remainder.guess(u, t, said) -> r.

    Nothing of it learns.
    """

    basis: Tensor
    variance: Tensor

    def __init__(self, total: int) -> None:
        super().__init__()
        self.register_buffer("basis", torch.eye(total))
        """(total, total), one component a column, the largest first"""
        self.register_buffer("variance", torch.ones(total))

    @torch.no_grad()
    def fit(self, rest: Tensor, weight: Tensor) -> None:
        """From remainders (N, total) and how often each counts (N,)."""
        weighed = (rest * (weight / weight.sum())[:, None]).mT @ rest
        values, vectors = torch.linalg.eigh(weighed.double())
        self.variance.copy_(values.flip(0).clamp(min=LEAST))
        self.basis.copy_(vectors.flip(1))

    def along(self, z: Tensor) -> Tensor:
        """(B, total) -> u, the same along the components."""
        return z @ self.basis

    def seen(self, u: Tensor, t: Tensor) -> Tensor:
        """(B, total) and times (B,) -> the same in units of their deviation."""
        return u * self.power(t).rsqrt()

    def guess(self, u: Tensor, t: Tensor, said: Tensor) -> Tensor:
        """(B, total): the linear guess and what a network says beyond it, (B, K) in units of what is unknown."""
        at, power = t[:, None], self.power(t)
        unknown = (1 - at) * (self.variance / power).sqrt()
        more = F.pad(said, (0, u.shape[1] - said.shape[1]))
        return (at * self.variance / power * u + unknown * more) @ self.basis.mT

    def power(self, t: Tensor) -> Tensor:
        """(B, total) variance of t r + (1 - t) noise along the components."""
        return t[:, None] ** 2 * self.variance + (1 - t[:, None]) ** 2
