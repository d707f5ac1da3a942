"""What the denoiser is trained on."""

import torch
import torch.nn.functional as F
from torch import Tensor

from danqing.families.diffusion.model import Denoiser
from danqing.nn import flow
from danqing.types import Batch, Now


def noisy(denoiser: Denoiser, x: Tensor, e: Tensor, t: Tensor) -> Tensor:
    """z = alpha(t) x + sigma(t) e, with t (B,)."""
    at = t[:, None, None, None]
    return denoiser.schedule.alpha(at) * x + denoiser.schedule.sigma(at) * e


def known_labels(batch: Batch, now: Now, denoiser: Denoiser) -> Tensor:
    """(B,) labels, some replaced by 'any' (= classes), all of them where the data has none."""
    rows = len(batch.pictures)
    anything = torch.full((rows,), denoiser.config.classes, device=batch.pictures.device)
    if batch.labels is None or denoiser.config.classes == 0:
        return anything
    return torch.where(now.chance.keep(1 - denoiser.config.drop_label, rows), batch.labels, anything)


def flow_loss(denoiser: Denoiser, batch: Batch, now: Now) -> Tensor:
    """Flow matching with clean-picture prediction: mean squared error of the velocity (x_hat - z) / (1 - t).

    t = sigmoid(N(-0.4, 1.2)): wider than the N(-0.8, 0.8) of Li & He (arXiv 2511.13720), which leaves nearly clean
    pictures so rare that a short training never learns to remove the last noise.
    """
    x, rows = batch.pictures, len(batch.pictures)
    t = torch.sigmoid(now.chance.normal(rows) * 1.2 - 0.4)
    z = noisy(denoiser, x, now.chance.normal_like(x), t)
    guess = denoiser(z, t, torch.zeros_like(t), known_labels(batch, now, denoiser))
    return flow.velocity_error(guess, x, t).mean()


def noise_loss(denoiser: Denoiser, batch: Batch, now: Now) -> Tensor:
    """The simple loss of DDPM: mean squared error of the noise (Ho et al., arXiv 2006.11239, eq. 14)."""
    x, rows = batch.pictures, len(batch.pictures)
    t, e = now.chance.uniform(rows), now.chance.normal_like(x)
    z = noisy(denoiser, x, e, t)
    return F.mse_loss(denoiser.raw(z, t, torch.zeros_like(t), known_labels(batch, now, denoiser)), e)


def jump(denoiser: Denoiser, z: Tensor, t: Tensor, span: Tensor, told: Tensor, labels: Tensor) -> Tensor:
    """z after one straight step of length `span`, when the network is told `told` (0 for an ordinary step)."""
    return flow.stepped(z, denoiser(z, t, told, labels), t, span)


def shortcut_loss(denoiser: Denoiser, batch: Batch, now: Now) -> Tensor:
    """One jump must land where two half jumps land (shortcut models, Frans et al., arXiv 2410.12557, eq. 4).

    Half of the batch goes on with the flow loss, so that many-step sampling stays as good as it was.
    """
    rest, mine = every_other(batch, 0), every_other(batch, 1)
    x, labels = mine.pictures, known_labels(mine, now, denoiser)
    half = len(x)
    jumps = torch.tensor(flow.JUMPS, device=x.device)[now.chance.integers(len(flow.JUMPS), half)]
    t, span, told = flow.jump_plan(jumps, now.chance.uniform(half))
    z = noisy(denoiser, x, now.chance.normal_like(x), t)
    with torch.no_grad():
        middle = jump(denoiser, z, t, span / 2, told, labels)
        target = jump(denoiser, middle, t + span / 2, span / 2, told, labels)
    error = ((jump(denoiser, z, t, span, span, labels) - target) ** 2).mean((1, 2, 3)) / span**2
    now.notes["jump"] = error.detach().mean()
    return flow_loss(denoiser, rest, now) + error.mean()


def every_other(batch: Batch, first: int) -> Batch:
    """Rows first, first + 2, ...: processes that share a batch choose together what one would have chosen."""
    return Batch(batch.pictures[first::2], None if batch.labels is None else batch.labels[first::2])
