"""From the picture embedding to pixels: flow matching on premultiplied RGBA, the network guesses the clean picture."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.families.text2image.embedding import GRID, Shape, layout_of
from danqing.nn import flow
from danqing.nn.hourglass import Hourglass
from danqing.nn.layers import Waves, zero
from danqing.settings import check_least

CHANNELS = 4
SPREAD = 0.8
"""standard deviation of a picture's values, about; premultiplied RGBA lives near its ends"""
ROUGHEST = 0.4
"""the embedding is noised in training by up to this much, so that the decoder forgives the prior"""


@dataclass(frozen=True)
class DecoderConfig:
    size: int = 128
    widths: tuple[int, ...] = (32, 96)
    """channels of the convolutional levels, finest first"""
    blocks: int = 1
    waist: int = 320
    """width of the transformer, a multiple of 64"""
    depth: int = 8
    fold: int = 4
    styles: int = 0
    drop: float = 0.1
    """share of pictures trained without their embedding, which guidance needs"""
    whole: int = 192
    cell: int = 32
    layout: int = 8

    def __post_init__(self) -> None:
        check_least(1, size=self.size, blocks=self.blocks, waist=self.waist, depth=self.depth, fold=self.fold)
        check_least(0, styles=self.styles, drop=self.drop)

    @property
    def shape(self) -> Shape:
        return Shape(self.whole, self.cell, self.layout)


@dataclass(frozen=True)
class Asked:
    """What the decoder is to paint; one row per picture."""

    embedding: Tensor
    """(B, total)"""
    rough: Tensor
    """(B,) standard deviation of the noise that is on the embedding, 0 .. ROUGHEST"""
    style: Tensor
    """(B,) int64; `styles` for any"""
    known: Tensor
    """(B,) 1 with an embedding, 0 without (guidance)"""


class Decoder(nn.Module):
    """decoder(z, t, span, guide, asked) -> the clean picture it expects, (B, 4, S, S).

    The network gives the picture itself and not what is missing to it: 4 x 4 pixels of noise have 64 dimensions, more
    than its outer levels have channels, so it could never take all noise away, while clean pictures have few (Li & He,
    arXiv 2511.13720, sec. 3).
    """

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        waist, shape = config.waist, config.shape
        self.time, self.span, self.guide, self.rough = Waves(waist), Waves(waist), Waves(waist), Waves(waist)
        zero(self.span.mlp[2])
        zero(self.guide.mlp[2])
        self.style = nn.Embedding(config.styles + 1, waist)
        nn.init.normal_(self.style.weight, std=0.02)
        self.whole = nn.Linear(shape.whole, waist)
        self.cells = nn.Linear(shape.per_cell, waist)
        self.nothing = nn.Parameter(torch.zeros(waist))
        self.net = Hourglass(
            config.size, CHANNELS, config.widths, config.blocks, waist, config.depth, config.fold, hints=CHANNELS
        )

    def forward(self, z: Tensor, t: Tensor, span: Tensor, guide: Tensor, asked: Asked) -> Tensor:
        """z (B, 4, S, S), t in [0, 1] with 1 clean, span of the coming step or 0, guide = guidance - 1 or 0, (B,).

        The layout of the embedding comes in beside the pixels as well: colours reach them by a short way.
        """
        known = asked.known[:, None]
        whole, cells = self.parts(asked.embedding)
        vector = self.time(t) + self.span(span) + self.guide(guide / 8) + self.rough(asked.rough) * known
        vector = vector + self.style(asked.style) + self.whole(whole) * known + self.nothing * (1 - known)
        place = (self.cells(cells) * known[:, None]).mT.unflatten(2, (GRID, GRID))
        hint = layout_of(cells, self.config.cell) * known[:, :, None, None]
        return self.net(flow.over(flow.unit(t, SPREAD), z) * z, F.silu(vector), place, hint).float()

    def parts(self, e: Tensor) -> tuple[Tensor, Tensor]:
        whole = self.config.whole
        return e[:, :whole], e[:, whole:].unflatten(1, (GRID * GRID, -1))
