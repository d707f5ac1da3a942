"""Small layers shared by the networks. Shapes: B batch, C channels, H, W picture, T tokens, D width."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.errors import UsageError


def zero(layer: Any) -> Any:
    """Start a linear or convolution layer at zero, so that a residual branch starts as the identity."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


FEW, FEW_TO_LEARN = 64, 256
"""tokens up to which attention is written out on a CPU, in painting and in learning"""


def attend(q: Tensor, k: Tensor, v: Tensor, there: Tensor | None = None) -> Tensor:
    """softmax(q kᵀ / √d) v of (B, heads, T, d) each; `there` (B, T) bool says which tokens are looked at.

    Vaswani et al., arXiv 1706.03762, eq. 1. Over few tokens PyTorch's fused attention is several times slower on a
    CPU than its three operations, most of all on the way back (docs/decisions.md).
    """
    mask = None if there is None else there[:, None, None]
    most = FEW_TO_LEARN if q.requires_grad else FEW
    if q.device.type != "cpu" or q.shape[2] > most:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    likeness = (q @ k.mT) * q.shape[-1] ** -0.5
    if mask is not None:
        likeness = likeness.masked_fill(~mask, -torch.inf)
    return likeness.softmax(-1).to(v.dtype) @ v


class Waves(nn.Module):
    """A number in [0, 1] -> D sines and cosines (Vaswani et al., arXiv 1706.03762, sec. 3.5), then a small network."""

    rates: Tensor

    def __init__(self, width: int, top: float = 1000.0) -> None:
        super().__init__()
        half = width // 2
        self.register_buffer("rates", torch.exp(-math.log(10_000) * torch.arange(half) / half) * top, persistent=False)
        self.mlp = nn.Sequential(nn.Linear(2 * half, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        """(B,) -> (B, D)"""
        angles = t.float()[:, None] * self.rates  # (B, D/2)
        return self.mlp(torch.cat([angles.cos(), angles.sin()], dim=1))


class Dropout(nn.Module):
    """Each value is zero with the chance `share`, else 1 / (1 - share) of itself; idle when not training.

    Srivastava et al., JMLR 2014. On a CPU most of its time is the drawing of numbers, so one random word decides on
    eight values, by a byte each; the chance is therefore a multiple of 1/256.
    """

    def __init__(self, share: float) -> None:
        super().__init__()
        if not 0 <= share < 1:
            raise UsageError(f"dropout = {share} came; give 0 or more, and less than 1.")
        self.cut = min(255, max(1, round(256 * share))) if share else 0

    def forward(self, x: Tensor) -> Tensor:
        if not (self.training and self.cut):
            return x
        words = torch.empty(-(-x.numel() // 8), dtype=torch.int64, device=x.device).random_(-(2**63), None)
        drawn = torch.empty_like(x, dtype=torch.uint8)  # in the memory order of x
        drawn.as_strided((x.numel(),), (1,)).copy_(words.view(torch.uint8)[: x.numel()])
        return x * (drawn >= self.cut).to(x.dtype).mul_(256 / (256 - self.cut))


# Shi et al., arXiv 1609.07009. Of the doubled rows a a b b c c a kernel of three sees two: from an even row, as the
# first b, it sees a and twice b; from an odd one twice b and c. FROM[odd][place][row of the kernel] says which of its
# weights add up.
FROM = (((1, 0, 0), (0, 1, 1)), ((1, 1, 0), (0, 0, 1)))


def doubled(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """x (B, C, H, W), twice as large by nearest neighbour, through a convolution (D, C, 3, 3) with zeros around it ->
    (B, D, 2 H, 2 W).

    By one convolution of 2 x 2 and without the large picture in between: in 0.55 of the time on a CPU.
    """
    (batch, _, high, wide), which = x.shape, torch.tensor(FROM, dtype=weight.dtype, device=weight.device)
    kernels = torch.einsum("aik,bjl,dckl->abdcij", which, which, weight).flatten(0, 2)
    kernels = kernels.to(memory_format=torch.channels_last)
    seen = F.conv2d(x, kernels, bias.repeat(4), padding=1).unflatten(1, (2, 2, -1))
    size = batch, len(bias), 2 * high, 2 * wide
    made = torch.empty(size, dtype=seen.dtype, device=x.device, memory_format=torch.channels_last)
    for a in (0, 1):
        for b in (0, 1):
            made[:, :, a::2, b::2] = seen[:, a, b, :, a : a + high, b : b + wide]
    return made


class Labels(nn.Module):
    """Class labels -> (B, D); the extra last row stands for 'any' (dropped or not given), as guidance needs it."""

    def __init__(self, classes: int, width: int, spread: float = 0.02) -> None:
        super().__init__()
        self.table = nn.Embedding(classes + 1, width)
        nn.init.normal_(self.table.weight, std=spread)

    def forward(self, labels: Tensor) -> Tensor:
        return self.table(labels)


class Condition(nn.Module):
    """Time, the span of the coming step and the label -> one vector (B, D) that steers every block."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.time, self.span, self.labels = Waves(width), Waves(width), Labels(classes, width)
        zero(self.span.mlp[2])

    def forward(self, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        return F.silu(self.time(t) + self.span(span) + self.labels(labels))


def patches(x: Tensor, side: int) -> Tensor:
    """(B, C, H, W) -> (B, T, C·side²), T = (H/side)·(W/side), row by row."""
    return F.pixel_unshuffle(x, side).flatten(2).transpose(1, 2)


def picture(tokens: Tensor, side: int, rows: int) -> Tensor:
    """Inverse of `patches`: (B, rows², C·side²) -> (B, C, H, W)."""
    return F.pixel_shuffle(tokens.transpose(1, 2).unflatten(2, (rows, rows)), side)
