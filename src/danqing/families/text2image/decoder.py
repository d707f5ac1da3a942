"""From the picture embedding to the latent of a picture (codec.py): flow matching towards the clean latent."""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.families.text2image.codec import RGBA
from danqing.families.text2image.embedding import GRID, Shape, layout_of
from danqing.nn import flow
from danqing.nn.hourglass import Hourglass
from danqing.nn.layers import Waves, zero
from danqing.settings import check_least

SPREAD = 1.0
"""standard deviation of a latent's values, by construction"""
ROUGHEST = 0.4
"""the embedding is noised in training by up to this much, so that the decoder forgives the prior"""


@dataclass(frozen=True)
class DecoderConfig:
    side: int = 16
    """of a latent"""
    channels: int = 8
    """of a latent"""
    widths: tuple[int, ...] = ()
    """channels of convolutional levels around the transformer, finest first"""
    blocks: int = 1
    """at each of those levels"""
    waist: int = 256
    """width of the transformer, a multiple of 64"""
    depth: int = 8
    fold: int = 2
    """places of a side that become one"""
    styles: int = 0
    drop: float = 0.1
    """share of pictures trained without their embedding, which guidance needs"""
    whole: int = 192
    cell: int = 32
    layout: int = 8

    def __post_init__(self) -> None:
        check_least(
            1,
            side=self.side,
            channels=self.channels,
            blocks=self.blocks,
            waist=self.waist,
            depth=self.depth,
            fold=self.fold,
        )
        check_least(0, styles=self.styles, drop=self.drop)

    @property
    def shape(self) -> Shape:
        return Shape(self.whole, self.cell, self.layout)


@dataclass(frozen=True)
class Asked:
    """What the decoder is to paint; one row per picture."""

    embedding: Tensor
    """(B, total)"""
    doubt: Tensor
    """(B,) standard deviation of the noise that is on the embedding, 0 .. ROUGHEST, and 0 .. 1 for how much of it the
    prior has imagined"""
    said: Tensor
    """(B, total) what the words lead to expect (gist.py), 0 where there are none"""
    style: Tensor
    """(B,) int64; `styles` for any"""
    known: Tensor
    """(B,) 1 with an embedding, 0 without (guidance)"""


class Decoder(nn.Module):
    """decoder(z, t, span, guide, asked) -> the clean latent it expects, (B, C, R, R)."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__()
        self.config = config
        waist, shape = config.waist, config.shape
        self.time, self.span, self.guide, self.doubt = Waves(waist), Waves(waist), Waves(waist), Waves(waist)
        self.style = nn.Embedding(config.styles + 1, waist)
        nn.init.normal_(self.style.weight, std=0.02)
        self.whole = nn.Linear(shape.whole, waist)
        self.cells = nn.Linear(shape.per_cell, waist)
        self.nothing = nn.Parameter(torch.zeros(waist))
        self.net = Hourglass(
            config.side, config.channels, config.widths, config.blocks, waist, config.depth, config.fold, hints=RGBA
        )
        self.said_whole, self.said_cells = zero(nn.Linear(shape.whole, waist)), zero(nn.Linear(shape.per_cell, waist))

    def forward(self, z: Tensor, t: Tensor, span: Tensor, guide: Tensor, asked: Asked) -> Tensor:
        """z (B, C, R, R), t in [0, 1] with 1 clean, span of the coming step or 0, guide = guidance - 1 or 0, (B,).

        The layout of the embedding comes in beside the places as well: colours reach them by a short way.
        """
        known = asked.known[:, None]
        whole, cells = self.parts(asked.embedding)
        said, said_cells = self.parts(asked.said)
        seen, seen_cells = self.whole(whole) + self.said_whole(said), self.cells(cells) + self.said_cells(said_cells)
        when = level(self.time(t)) + level(self.span(span)) + level(self.guide(guide / 8))
        what = known * (level(self.doubt(asked.doubt)) + level(seen)) + (1 - known) * level(self.nothing)
        steer = F.silu(when + what + level(self.style(asked.style)))
        place = (seen_cells * known[:, None]).mT.unflatten(2, (GRID, GRID))
        hint = layout_of(cells, self.config.cell) * known[:, :, None, None]
        out = self.net(flow.over(flow.unit(t, SPREAD), z) * z, steer, place, hint).float()
        return flow.from_rest(out, z, t, SPREAD)

    def parts(self, e: Tensor) -> tuple[Tensor, Tensor]:
        whole = self.config.whole
        return e[:, :whole], e[:, whole:].unflatten(1, (GRID * GRID, -1))


def level(part: Tensor) -> Tensor:
    """Rows (B, D) at one loudness.

    Without it parts that hardly vary grew from step to step, until silu of the sum was 0 for every picture and neither
    time nor style was heard (docs/decisions.md).
    """
    return F.rms_norm(part, part.shape[-1:])
