"""Encoder, decoder, and the prior that latents are drawn from."""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.classic import Down, Up
from danqing.nn.layers import Labels, Waves, zero
from danqing.settings import check_choices, check_least, check_most


@dataclass(frozen=True)
class VaeConfig:
    size: int = 28
    """side of the picture, pixels"""
    channels: int = 1
    classes: int = 0
    """number of labels, used by the flow prior; 0 trains without"""
    latent: int = 32
    """numbers that a picture is squeezed into"""
    widths: tuple[int, ...] = (64, 128, 256)
    """channels of the encoder, from the largest map to the smallest"""
    up_widths: tuple[int, ...] = (256, 128, 64)
    """channels of the decoder, from the smallest map to the largest"""
    kernel: int = 5
    norm: bool = True
    """batch norm in the encoder"""
    beta: float = 1.0
    """weight of the divergence from the prior (arXiv 1804.03599)"""
    sigma: str = "learned"
    """spread of a pixel around its mean: learned (sigma-VAE, arXiv 2006.13202) or fixed at 1"""
    beta_warmup: float = 0.2
    """first share of the budget in which beta rises from zero"""
    prior: str = "normal"
    """normal, or flow: a small network learns where the latents really lie"""
    prior_width: int = 256
    prior_steps: int = 24

    def __post_init__(self) -> None:
        check_least(1, size=self.size, channels=self.channels, latent=self.latent, widths=self.widths)
        check_least(1, up_widths=self.up_widths, kernel=self.kernel, prior_steps=self.prior_steps)
        check_least(16, prior_width=self.prior_width)
        check_least(0, classes=self.classes, beta=self.beta, beta_warmup=self.beta_warmup)
        check_most(1, beta_warmup=self.beta_warmup)
        check_choices(self, sigma=("learned", "fixed"), prior=("normal", "flow"))


class Autoencoder(nn.Module):
    """encode(x) -> mean and log variance, decode(z) -> pictures; `prior` draws latents."""

    means: Tensor
    """(classes, Z) running mean latent of each class"""

    def __init__(self, c: VaeConfig) -> None:
        super().__init__()
        self.encoder = Down(c.size, c.channels, c.widths, c.kernel, 2 * c.latent, c.norm, 0.0)
        self.decoder = Up(c.latent, c.size, c.channels, c.up_widths, c.kernel)
        self.prior = FlowPrior(c) if c.prior == "flow" else None
        self.register_buffer("means", torch.zeros(c.classes, c.latent))

    @torch.no_grad()
    def observe(self, mean: Tensor, labels: Tensor | None, weight: float = 0.01) -> None:
        """Let the running mean latent of each class in the batch follow; (B, Z), (B,)."""
        if labels is None or not len(self.means):
            return
        count = torch.bincount(labels, minlength=len(self.means))[:, None]
        total = torch.zeros_like(self.means).index_add_(0, labels, mean.detach().to(self.means))
        self.means.lerp_(torch.where(count > 0, total / count.clamp(min=1), self.means), weight)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, C, H, W) -> mean and log variance, (B, Z) each; the log variance is held in [-12, 8]."""
        mean, log_variance = self.encoder(x).float().chunk(2, dim=1)
        return mean, log_variance.clamp(-12, 8)

    def decode(self, z: Tensor) -> Tensor:
        """(B, Z) -> (B, C, H, W) in [-1, 1]."""
        return self.decoder(z).float()


class FlowPrior(nn.Module):
    """A residual network that carries normal noise to the latents' distribution, by class where there are labels.

    A flow on the latent space makes samples as sharp as reconstructions (GLF, Xiao et al., arXiv 1905.10485); trained
    by flow matching with prediction of the clean latent. Latents are standardised by running statistics.
    """

    def __init__(self, c: VaeConfig, depth: int = 4) -> None:
        super().__init__()
        w = c.prior_width
        self.scale = nn.BatchNorm1d(c.latent, affine=False, momentum=0.01)
        self.inward, self.outward = nn.Linear(c.latent, w), zero(nn.Linear(w, c.latent))
        self.time, self.labels = Waves(w), Labels(c.classes, w)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(w), nn.Linear(w, 2 * w), nn.SiLU(), zero(nn.Linear(2 * w, w)))
            for _ in range(depth)
        )

    def forward(self, z: Tensor, t: Tensor, labels: Tensor) -> Tensor:
        """The expected clean standardised latent; z (B, Z), t (B,), labels (B,)."""
        steer = F.silu(self.time(t) + self.labels(labels))
        h = self.inward(z)
        for block in self.blocks:
            h = h + block(h + steer)
        return self.outward(h)

    def standardise(self, latents: Tensor) -> Tensor:
        return self.scale(latents)

    def restore(self, z: Tensor) -> Tensor:
        """Inverse of `standardise`, by the running statistics."""
        scale: Any = self.scale
        return z * torch.sqrt(scale.running_var + scale.eps) + scale.running_mean
