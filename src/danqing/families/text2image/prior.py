"""From words to the picture embedding: flow matching on a few hundred numbers.

Two closed forms stand at the beginning: the words' linear guess (gist.py) and the best linear denoiser of what that
leaves over (remainder.py). A small transformer reads the words once, a residual network says what is not linear.
"""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.families.text2image.embedding import Shape
from danqing.families.text2image.gist import Gist
from danqing.families.text2image.remainder import Remainder
from danqing.nn import flow
from danqing.nn.chance import generator
from danqing.nn.layers import Waves, attend, zero
from danqing.settings import check_least

STYLED = 0.7
"""share of captions that are heard with their style, in training as in the closed forms"""


@dataclass(frozen=True)
class PriorConfig:
    words: int = 0
    """size of the vocabulary, padding and unknown included"""
    length: int = 24
    """most words of a prompt"""
    styles: int = 0
    width: int = 512
    depth: int = 6
    components: int = 384
    """directions of the embedding in which the network has a say"""
    reader: int = 192
    """width of the words' reader, a multiple of 64"""
    reading: int = 2
    """its depth"""
    dropout: float = 0.1
    drop: float = 0.1
    """share of captions left out, which guidance needs"""
    whole: int = 192
    cell: int = 32
    layout: int = 8

    def __post_init__(self) -> None:
        check_least(1, words=self.words, length=self.length, width=self.width, depth=self.depth, reader=self.reader)
        check_least(0, styles=self.styles, reading=self.reading, dropout=self.dropout, drop=self.drop)
        check_least(1, components=self.components)

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
        width, total = config.width, config.shape.total
        self.components = min(config.components, total)
        self.gist = Gist(config.words, config.styles, total)
        self.remainder = Remainder(total)
        self.words = nn.Embedding(config.words, config.reader, padding_idx=0)
        self.read = Reader(config)
        self.heard, self.time = nn.Linear(config.reader, width), Waves(width)
        self.inward = nn.Linear(2 * self.components, width)
        self.blocks = nn.ModuleList(Block(width, config.dropout) for _ in range(config.depth))
        self.outward = zero(nn.Linear(width, self.components))
        nn.init.normal_(self.words.weight, std=0.5)
        with torch.no_grad():
            self.words.weight[0] = 0

    def forward(self, z: Tensor, t: Tensor, said: Said) -> Tensor:
        """z (B, total), t (B,)."""
        gist = self.gist(said.tokens, said.weights, said.style)
        rest = z - flow.over(t, z) * gist
        words = self.words(said.tokens) * said.weights[:, :, None]
        heard = self.heard(self.read(words, said.tokens != 0, said.style))
        with torch.no_grad(), torch.autocast(z.device.type, enabled=False):
            u, expected = self.remainder.along(torch.cat([rest, gist])).chunk(2)
            seen = torch.cat([one[:, : self.components] for one in (self.remainder.seen(u, t), expected)], dim=1)
        x = (self.inward(seen) + heard).float()
        steer = F.silu(self.time(t) + heard)
        for block in self.blocks:
            x = block(x, steer)
        out = self.outward(F.rms_norm(x, x.shape[-1:])).float()
        with torch.autocast(z.device.type, enabled=False):
            return gist + self.remainder.guess(u, t, out)

    @torch.no_grad()
    def fit(self, tokens: np.ndarray, style: np.ndarray, weight: np.ndarray, embedding: np.ndarray) -> None:
        """The closed forms, from captions (N, K, L), styles (N,), weights (N,) and embeddings (N, total)."""
        self.gist.fit(tokens, style, weight, embedding)
        said, chance, rest = torch.from_numpy(tokens[:, 0]).long(), generator("remainder"), []
        told = torch.rand(len(said), generator=chance) < STYLED
        manner = torch.where(told, torch.from_numpy(style).long(), self.config.styles)
        for rows in torch.arange(len(said)).split(4096):
            gist = self.gist(said[rows], torch.ones(said[rows].shape), manner[rows])
            rest.append(torch.from_numpy(np.asarray(embedding[rows.numpy()], np.float32)) - gist)
        self.remainder.fit(torch.cat(rest), torch.from_numpy(np.asarray(weight, np.float32)))


class Reader(nn.Module):
    """Words and style -> one vector, by a transformer over at most 1 + L tokens; what it makes of the style's."""

    def __init__(self, config: PriorConfig) -> None:
        super().__init__()
        width = config.reader
        self.style = nn.Embedding(config.styles + 1, width)
        self.order = nn.Parameter(torch.randn(config.length, width) * 0.3)
        self.blocks = nn.ModuleList(Reading(width, config.dropout) for _ in range(config.reading))
        nn.init.normal_(self.style.weight, std=0.5)

    def forward(self, words: Tensor, there: Tensor, style: Tensor) -> Tensor:
        """words (B, L, D), there (B, L) bool, style (B,) -> (B, D)."""
        tokens = torch.cat([self.style(style)[:, None], words + self.order[: words.shape[1]]], dim=1)
        seats = Seats(torch.cat([torch.ones_like(there[:, :1]), there], dim=1))
        x = seats.packed(tokens)
        for block in self.blocks:
            x = block(x, seats)
        return F.rms_norm(seats.spread(x)[:, 0], x.shape[-1:])


class Seats:
    """Which places of (B, T) hold a token: captions are short, so only their own tokens are worked on."""

    def __init__(self, there: Tensor) -> None:
        self.there = there
        self.places = there.flatten().nonzero()[:, 0]

    def packed(self, x: Tensor) -> Tensor:
        """(B, T, …) -> (N, …)."""
        return x.flatten(0, 1)[self.places]

    def spread(self, x: Tensor) -> Tensor:
        """(N, …) -> (B, T, …), 0 where no token is."""
        wide = x.new_zeros(self.there.numel(), *x.shape[1:])
        return wide.index_copy(0, self.places, x).unflatten(0, self.there.shape)


class Reading(nn.Module):
    """Masked attention and a gated feed-forward on packed tokens."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.heads = max(1, width // 64)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), zero(nn.Linear(width, width, bias=False))
        self.feed = Feed(width, 8 * width // 3 // 32 * 32)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, seats: Seats) -> Tensor:
        """x (N, D)."""
        q, k, v = self.qkv(F.rms_norm(x, x.shape[-1:])).unflatten(1, (3, self.heads, -1)).unbind(1)
        q, k = F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:])
        q, k, v = seats.spread(torch.stack([q, k, v], dim=1)).permute(2, 0, 3, 1, 4)  # (B, heads, T, 64)
        mixed = attend(q, k, v, seats.there).transpose(1, 2).flatten(2)
        x = x + self.dropout(self.out(seats.packed(mixed))).to(x.dtype)
        return x + self.dropout(self.feed(F.rms_norm(x, x.shape[-1:]))).to(x.dtype)


class Feed(nn.Module):
    """down(silu(a) b) with (a, b) = up(x): a gated feed-forward (Shazeer, arXiv 2002.05202)."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * inner, bias=False), zero(nn.Linear(inner, width, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.up(x).chunk(2, dim=-1)
        return self.down(F.silu(a) * b)


class Block(nn.Module):
    """A gated feed-forward, scaled and shifted by time and words (adaptive norm: Perez et al., arXiv 1709.07871)."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.feed, self.steer = Feed(width, 2 * width), zero(nn.Linear(width, 2 * width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        """x, steer (B, D)."""
        scale, shift = self.steer(steer).chunk(2, dim=1)
        # Sums of two number formats are many times slower on a CPU than a cast and a sum.
        h = F.rms_norm(x, x.shape[-1:]).to(scale.dtype) * (1 + scale) + shift
        return x + self.dropout(self.feed(h)).to(x.dtype)
