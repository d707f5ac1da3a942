"""From words to the picture embedding: flow matching on a few hundred numbers by a small transformer.

The words' linear guess (gist.py) stands at the beginning: the flow goes from noise to what is left over of it.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.families.text2image.embedding import GRID, Shape
from danqing.families.text2image.gist import Gist
from danqing.nn import flow
from danqing.nn.layers import Waves, zero
from danqing.settings import check_least

CELLS = GRID * GRID


@dataclass(frozen=True)
class PriorConfig:
    words: int = 0
    """size of the vocabulary, padding and unknown included"""
    length: int = 24
    """most words of a prompt"""
    styles: int = 0
    width: int = 256
    depth: int = 6
    dropout: float = 0.1
    drop: float = 0.1
    """share of captions left out, which guidance needs"""
    whole: int = 192
    cell: int = 32
    layout: int = 8

    def __post_init__(self) -> None:
        check_least(1, words=self.words, length=self.length, width=self.width, depth=self.depth)
        check_least(0, styles=self.styles, dropout=self.dropout, drop=self.drop)

    @property
    def shape(self) -> Shape:
        return Shape(self.whole, self.cell, self.layout)


@dataclass(frozen=True)
class Said:
    """What was asked for in words, as numbers; one row per picture."""

    tokens: Tensor
    """(B, L) int64 word ids, 0 for none"""
    weights: Tensor
    """(B, L) about 1"""
    style: Tensor
    """(B,) int64, the last one for any"""

    def to(self, device: torch.device) -> "Said":
        return Said(self.tokens.to(device), self.weights.to(device), self.style.to(device))


class Prior(nn.Module):
    """prior(z, t, said) -> the clean embedding it expects, (B, total)."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        self.config = config
        width, shape = config.width, config.shape
        self.time, self.style = Waves(width), nn.Embedding(config.styles + 1, width)
        self.words = nn.Embedding(config.words, width, padding_idx=0)
        self.order = nn.Parameter(torch.randn(config.length, width) * 0.3)
        self.place = nn.Parameter(torch.randn(1 + CELLS, width) * 0.5)
        self.gist = Gist(config.words, config.styles, shape.total)
        self.inward_whole, self.inward_cell = nn.Linear(2 * shape.whole, width), nn.Linear(2 * shape.per_cell, width)
        self.steer = zero(nn.Linear(width, 6 * width))
        self.blocks = nn.ModuleList(Block(width, config.dropout) for _ in range(config.depth))
        self.outward_whole = zero(nn.Linear(width, shape.whole))
        self.outward_cell = zero(nn.Linear(width, shape.per_cell))
        nn.init.normal_(self.words.weight, std=0.5)
        nn.init.normal_(self.style.weight, std=0.5)
        with torch.no_grad():
            self.words.weight[0] = 0

    def forward(self, z: Tensor, t: Tensor, said: Said) -> Tensor:
        """z (B, total), t (B,)."""
        tokens, gist = said.tokens, self.gist(said.tokens, said.weights, said.style)
        rest = z - flow.over(t, z) * gist
        whole, cells = zip(*map(self.parts, (flow.over(flow.unit(t, 1.0), z) * rest, gist)), strict=True)
        seen = torch.cat([self.inward_whole(torch.cat(whole, 1))[:, None], self.inward_cell(torch.cat(cells, 2))], 1)
        seen = seen + self.place
        style_token = self.style(said.style)[:, None]
        text = self.words(tokens) * said.weights[:, :, None] + self.order[: tokens.shape[1]]
        seats = Seats(torch.cat([torch.ones_like(tokens[:, :1]).expand(-1, 2 + CELLS), tokens], dim=1) != 0)
        x = seats.packed(torch.cat([seen, style_token, text], dim=1))  # (B, 17 + 1 + L, D) -> (N, D)
        bend = self.steer(F.silu(self.time(t))).unflatten(1, (6, -1))[seats.rows]
        for block in self.blocks:
            x = block(x, bend, seats)
        x = F.rms_norm(seats.spread(x)[:, : 1 + CELLS], x.shape[-1:])
        out = torch.cat([self.outward_whole(x[:, 0]), self.outward_cell(x[:, 1:]).flatten(1)], dim=1)
        return gist + flow.from_rest(out.float(), rest, t, 1.0)

    def parts(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """(B, total) -> (B, whole), (B, 16, per cell)."""
        return e[:, : self.config.whole], e[:, self.config.whole :].unflatten(1, (CELLS, -1))


class Seats:
    """Which places of (B, T) hold a token: captions are short, so only their own tokens are worked on."""

    def __init__(self, there: Tensor) -> None:
        self.there = there
        self.places = there.flatten().nonzero()[:, 0]
        self.rows = self.places // there.shape[1]
        """(N,) which row of the batch a token belongs to"""

    def packed(self, x: Tensor) -> Tensor:
        """(B, T, …) -> (N, …)."""
        return x.flatten(0, 1)[self.places]

    def spread(self, x: Tensor) -> Tensor:
        """(N, …) -> (B, T, …), 0 where no token is."""
        wide = x.new_zeros(self.there.numel(), *x.shape[1:])
        return wide.index_copy(0, self.places, x).unflatten(0, self.there.shape)


class Block(nn.Module):
    """Masked attention and a gated feed-forward, scaled and shifted by the time."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = max(1, width // 64)
        inner = 8 * width // 3 // 32 * 32
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), zero(nn.Linear(width, width, bias=False))
        self.up, self.down = nn.Linear(width, 2 * inner, bias=False), zero(nn.Linear(inner, width, bias=False))
        self.bias = nn.Parameter(torch.zeros(6, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, steer: Tensor, seats: Seats) -> Tensor:
        """x (N, D), steer (N, 6, D)."""
        s1, b1, g1, s2, b2, g2 = (steer + self.bias).unbind(1)
        h = F.rms_norm(x, x.shape[-1:]) * (1 + s1) + b1
        q, k, v = self.qkv(h).unflatten(1, (3, self.heads, -1)).unbind(1)
        q, k = F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:])
        q, k, v = seats.spread(torch.stack([q, k, v], dim=1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seats.there[:, None, None])
        x = x + (1 + g1) * self.dropout(self.out(seats.packed(mixed.transpose(1, 2).flatten(2))))
        a, b = self.up(F.rms_norm(x, x.shape[-1:]) * (1 + s2) + b2).chunk(2, dim=1)
        return x + (1 + g2) * self.dropout(self.down(F.silu(a) * b))
