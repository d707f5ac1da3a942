"""The two losses of the family: the bound on the likelihood, and flow matching on the latents."""

from typing import Any

import torch
from torch import Tensor

from danqing.families.vae.model import Autoencoder, VaeConfig
from danqing.types import Batch, Now


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """KL(N(mean, variance) || N(0, 1)), (B,) (Kingma & Welling, arXiv 1312.6114, appendix B)."""
    return (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2


def surprise(x: Tensor, painted: Tensor, sigma: str) -> Tensor:
    """-log p(x | z) for pixels normal around `painted`, summed over pixels, mean over the batch, without constants.

    fixed: sigma = 1. learned: the best sigma is the root mean squared error itself, which leaves D log sigma
    (Rybkin et al., arXiv 2006.13202, eq. 5); details then weigh more and more as the error falls.
    """
    pixels = x[0].numel()
    error = (x - painted).square().mean()
    return pixels / 2 * (error if sigma == "fixed" else error.clamp(min=1e-6).log())


def bound_loss(model: Autoencoder, config: VaeConfig, batch: Batch, now: Now) -> Tensor:
    """-ELBO per pixel with weight beta on the divergence, which rises over the warm-up."""
    mean, log_variance = model.encode(batch.pictures)
    model.observe(mean, batch.labels)
    z = mean + (log_variance / 2).exp() * now.chance.normal_like(mean)
    painted = model.decode(z)
    warm = min(1.0, now.fraction / config.beta_warmup) if config.beta_warmup else 1.0
    kl = divergence(mean, log_variance).mean()
    now.notes.update({"kl": kl.detach(), "error": (batch.pictures - painted).detach().square().mean().sqrt()})
    return (surprise(batch.pictures, painted, config.sigma) + warm * config.beta * kl) / batch.pictures[0].numel()


def prior_loss(model: Autoencoder, config: VaeConfig, batch: Batch, now: Now) -> Tensor:
    """Flow matching of the prior on latents drawn from the encoder, which learns nothing from it."""
    prior: Any = model.prior
    with torch.no_grad():
        mean, log_variance = model.encode(batch.pictures)
        z1 = prior.standardise(mean + (log_variance / 2).exp() * now.chance.normal_like(mean))
    rows = len(z1)
    t = torch.sigmoid(now.chance.normal(rows))
    z = t[:, None] * z1 + (1 - t[:, None]) * now.chance.normal_like(z1)
    guess = prior(z, t, labels_of(batch, now, config)).float()
    return ((guess - z1).square().mean(1) / (1 - t).clamp(min=0.05) ** 2).mean()


def labels_of(batch: Batch, now: Now, config: VaeConfig) -> Tensor:
    """(B,) labels; 'any' (= classes) where there are none and for a tenth of the batch."""
    rows = len(batch.pictures)
    anything = torch.full((rows,), config.classes, device=batch.pictures.device)
    if batch.labels is None or not config.classes:
        return anything
    return torch.where(now.chance.keep(0.9, rows), batch.labels, anything)
