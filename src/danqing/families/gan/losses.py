"""Losses and penalties of the game. Scores are the discriminator's outputs before any sigmoid; (B,) each."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Scores = Callable[[Tensor], Tensor]
"""pictures (B, C, H, W) -> scores (B,)"""


# Losses: critic(real, fake) and painter(real, fake).


def critic_nonsaturating(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(x) - log(1 - D(G(z))) (Goodfellow et al., arXiv 1406.2661, eq. 1); log, not log1p."""
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def painter_nonsaturating(real: Tensor, fake: Tensor) -> Tensor:
    """-log D(G(z)) (sec. 3 of the same)."""
    return F.softplus(-fake).mean()


def critic_least_squares(real: Tensor, fake: Tensor) -> Tensor:
    """(D(x) - 1)² + D(G(z))², halved (Mao et al., arXiv 1611.04076, eq. 9)."""
    return ((real - 1) ** 2).mean() / 2 + (fake**2).mean() / 2


def painter_least_squares(real: Tensor, fake: Tensor) -> Tensor:
    return ((fake - 1) ** 2).mean() / 2


def critic_hinge(real: Tensor, fake: Tensor) -> Tensor:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))) (Miyato et al., arXiv 1802.05957, eq. 16)."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def critic_wasserstein(real: Tensor, fake: Tensor) -> Tensor:
    """D(G(z)) - D(x) (Arjovsky et al., arXiv 1701.07875, eq. 2)."""
    return fake.mean() - real.mean()


def painter_mean(real: Tensor, fake: Tensor) -> Tensor:
    """-D(G(z)), the painter's side of the hinge and Wasserstein losses."""
    return -fake.mean()


def critic_relativistic(real: Tensor, fake: Tensor) -> Tensor:
    """log(1 + exp(D(G(z)) - D(x))), each fake against one real (Huang et al., arXiv 2501.05441, eq. 2)."""
    return F.softplus(fake - real).mean()


def painter_relativistic(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(real - fake).mean()


Loss = Callable[[Tensor, Tensor], Tensor]
LOSSES: dict[str, tuple[Loss, Loss]] = {
    "non-saturating": (critic_nonsaturating, painter_nonsaturating),
    "least-squares": (critic_least_squares, painter_least_squares),
    "hinge": (critic_hinge, painter_mean),
    "wasserstein": (critic_wasserstein, painter_mean),
    "relativistic": (critic_relativistic, painter_relativistic),
}


# Penalties on the critic's slope: penalty(scores, real, fake, mix) with mix (B,) uniform in [0, 1).


def slope(scores: Scores, x: Tensor) -> Tensor:
    """Squared length of the gradient of the score by the picture, (B,)."""
    x = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(scores(x).sum(), x, create_graph=True)
    return gradient.square().sum((1, 2, 3))


def no_penalty(scores: Scores, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    return real.new_zeros(())


def gradient_penalty(scores: Scores, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """(|grad D(x)| - 1)² between real and fake (Gulrajani et al., arXiv 1704.00028, eq. 3)."""
    between = torch.lerp(real, fake.to(real.dtype), mix[:, None, None, None])
    return ((slope(scores, between) + 1e-12).sqrt() - 1).square().mean()


def r1(scores: Scores, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """|grad D(x)|² / 2 at real pictures (Mescheder et al., arXiv 1801.04406, eq. 9)."""
    return slope(scores, real).mean() / 2


def r1_r2(scores: Scores, real: Tensor, fake: Tensor, mix: Tensor) -> Tensor:
    """|grad D|² / 2 at real and at made pictures (arXiv 2501.05441, eq. 3)."""
    return (slope(scores, torch.cat([real, fake])).sum() / len(real)) / 2


PENALTIES: dict[str, Callable[[Scores, Tensor, Tensor, Tensor], Tensor]] = {
    "none": no_penalty,
    "clip": no_penalty,
    "gradient": gradient_penalty,
    "r1": r1,
    "r1+r2": r1_r2,
}
