"""Settings of the GAN family, and the pair of networks."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from danqing.errors import UsageError
from danqing.families.gan.losses import LOSSES, PENALTIES
from danqing.families.gan.projected import FastPainter, ProjectedCritic
from danqing.families.gan.residual import ResidualCritic, ResidualPainter
from danqing.nn.classic import Down, Up
from danqing.nn.layers import Labels
from danqing.settings import check_choices, check_least


@dataclass(frozen=True)
class GanConfig:
    size: int = 28
    """side of the picture, pixels"""
    channels: int = 1
    classes: int = 0
    """number of labels; 0 trains without"""
    net: str = "classic"
    """classic (dense, transposed convolutions), residual, or projected (frozen features help to judge; small data)"""
    latent: int = 100
    widths: tuple[int, ...] = (256, 128, 64)
    """the painter's channels, from the smallest map to the largest"""
    critic_widths: tuple[int, ...] = (64, 128)
    kernel: int = 5
    """side of the classic nets' filters"""
    fold: int = 1
    """pixels folded into channels at the door of the residual nets"""
    norm: bool = False
    """batch norm in the critic (classic)"""
    dropout: float = 0.3
    """in the critic (classic)"""
    loss: str = "non-saturating"
    """non-saturating, least-squares, hinge, wasserstein or relativistic"""
    penalty: str = "none"
    """none, clip (weights), gradient, r1 or r1+r2"""
    gamma: float = 1.0
    """weight of the penalty, or the bound of clipped weights"""
    penalty_every: int = 1
    """the penalty is taken on every n-th step, n times as strong (lazy regularisation, arXiv 1912.04958)"""
    spectral_norm: bool = False
    """divide the critic's weights by their largest singular value (arXiv 1802.05957)"""
    critic_steps: int = 1
    """critic steps for one of the painter"""
    critic_rate: float = 1.0
    """the critic's learning rate over the painter's (TTUR, arXiv 1706.08500)"""
    augment: float = 0.0
    """strength of DiffAugment (arXiv 2006.10738) on what the critic sees, 0 to 1: translation and cutout"""

    def __post_init__(self) -> None:
        check_least(1, size=self.size, channels=self.channels, latent=self.latent, widths=self.widths, fold=self.fold)
        check_least(1, critic_widths=self.critic_widths, kernel=self.kernel, critic_steps=self.critic_steps)
        check_least(1, penalty_every=self.penalty_every)
        check_least(0, classes=self.classes, dropout=self.dropout, gamma=self.gamma, augment=self.augment)
        check_choices(self, net=NETS, loss=LOSSES, penalty=PENALTIES)
        if self.net == "residual" and self.size % self.fold:
            raise UsageError(f"size = {self.size} cannot be folded by fold = {self.fold}; choose a multiple.")
        if self.spectral_norm and self.net == "projected":
            raise UsageError("spectral_norm = true is not possible with net = 'projected', which has it already.")


class Pair(nn.Module):
    """painter(z, labels) -> pictures, critic(pictures, labels) -> scores."""

    def __init__(self, painter: nn.Module, critic: nn.Module) -> None:
        super().__init__()
        self.painter, self.critic = painter, critic


class ClassicPainter(nn.Module):
    def __init__(self, c: GanConfig) -> None:
        super().__init__()
        self.labels = Labels(c.classes, c.latent) if c.classes else None
        inputs = c.latent * (2 if c.classes else 1)
        self.up = Up(inputs, c.size, c.channels, c.widths, c.kernel)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.up(torch.cat([z, self.labels(labels)], dim=1) if self.labels else z)


class ClassicCritic(nn.Module):
    """With labels, the score gains an inner product with the label's vector (projection, arXiv 1802.05637)."""

    def __init__(self, c: GanConfig) -> None:
        super().__init__()
        self.down = Down(c.size, c.channels, c.critic_widths, c.kernel, 1, c.norm, c.dropout)
        self.labels = Labels(c.classes, self.down.dense.in_features) if c.classes else None

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        h = self.down.features(x)
        score = self.down.dense(h)[:, 0]
        return score + (self.labels(labels) * h).sum(1) if self.labels else score


def _residual(c: GanConfig) -> Pair:
    return Pair(
        ResidualPainter(c.size, c.channels, c.classes, c.latent, c.widths, c.fold),
        ResidualCritic(c.size, c.channels, c.classes, c.critic_widths, c.fold),
    )


def _projected(c: GanConfig) -> Pair:
    return Pair(FastPainter(c.size, c.channels, c.latent, c.widths), ProjectedCritic(c.size, c.channels))


NETS: dict[str, Callable[[GanConfig], Pair]] = {
    "classic": lambda c: Pair(ClassicPainter(c), ClassicCritic(c)),
    "residual": _residual,
    "projected": _projected,
}


def build(c: GanConfig) -> Pair:
    pair = NETS[c.net](c)
    if c.net == "classic":
        for module in pair.modules():
            _classic_start(module)
    if c.spectral_norm:
        for module in list(pair.critic.modules()):
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.utils.parametrizations.spectral_norm(module)
    return pair


def _classic_start(module: nn.Module) -> None:
    """N(0, 0.02) weights, as arXiv 1511.06434, sec. 4."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
