"""Words -> embedding: the walk of the prior under guidance, from noise or from another embedding.

What the prior imagines is smoother than what a picture has: a decoder that knows true embeddings alone paints an
embedding noised to 0.4 and walked back only two thirds as well (docs/decisions.md). So it learns from both.
"""

from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor
from torch.nn.functional import pad

from danqing.families.text2image.prior import Prior, Said
from danqing.nn import flow
from danqing.samplers.schedules import Flow, times
from danqing.samplers.solvers import dpm_2m


def walk(prior: Prior, z: Tensor, first: float, said: Said, unsaid: Said, steps: int, guidance: float) -> Tensor:
    """From z (B, total) at time `first` to clean embeddings, by DPM-Solver++(2M); `unsaid` is what to keep away from.

    `guidance` 1 follows the words as they are; free + guidance (x - free), then calmed.
    """
    both = joined(said, unsaid)

    def denoise(z: Tensor, t: Tensor) -> Tensor:
        at = torch.full((2 * len(z),), float(t), device=z.device)
        x, free = prior(torch.cat([z, z]), at, both).chunk(2)
        return calmed(free + guidance * (x - free), x)

    return dpm_2m(denoise, z, Flow(), times(steps, first), no_draw)


def revised(
    prior: Prior, e: Tensor, noise: Tensor, strength: float, said: Said, unsaid: Said, steps: int, guidance: float
) -> Tensor:
    """Embeddings (B, total) noised by `strength`, 0 .. 1, and walked back with words (SDEdit, arXiv 2108.01073)."""
    if strength <= 0:
        return e
    first = 1 - strength
    return walk(prior, flow.mixed(e, noise, torch.full_like(e[:, 0], first)), first, said, unsaid, steps, guidance)


def nothing_said(said: Said, style: int) -> Said:
    """As many rows of no words in any style, which has the id `style`."""
    nothing = torch.zeros_like(said.tokens[:, :1])
    return Said(nothing, torch.ones_like(said.weights[:, :1]), torch.full_like(said.style, style))


def calmed(guided: Tensor, x: Tensor) -> Tensor:
    """Guidance makes rows (B, D) wilder than anything seen in training; give them the spread that `x` has.

    Lin et al., arXiv 2305.08891, eq. 15.
    """
    return guided * (x.std(1, keepdim=True) / guided.std(1, keepdim=True).clamp(min=1e-6))


def joined(said: Said, unsaid: Said) -> Said:
    """Both, one under the other, filled up to one length."""
    length = max(said.tokens.shape[1], unsaid.tokens.shape[1])
    parts = [filled(one, length) for one in (said, unsaid)]
    return stacked(parts)


def stacked(parts: Sequence[Said]) -> Said:
    """All rows, one under the other; all of one length."""
    return Said(*(torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Said)))


def filled(said: Said, length: int) -> Said:
    more = length - said.tokens.shape[1]
    return replace(said, tokens=pad(said.tokens, (0, more)), weights=pad(said.weights, (0, more), value=1.0))


def no_draw(step: int) -> Tensor:
    raise AssertionError("these solvers draw no noise")
