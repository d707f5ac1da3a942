"""A picture network with a waist: convolutions where places are many, a transformer where they are few.

Places may be folded into channels; they are convolved at one or several sizes, each half of the one before, and at the
waist each is a token of a transformer; on the way back each size gets what it was on the way in (Crowson et al.,
hourglass diffusion transformer, arXiv 2401.11605, with convolutions for the outer levels). At equal time on a CPU it
learns faster than a plain transformer of the same cost (docs/decisions.md).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.layers import zero
from danqing.nn.transformer import Block
from danqing.nn.unet import ResBlock


class Hourglass(nn.Module):
    """net(z, steer, place, hint): z (B, C, S, S), steer (B, D), place (B, D, R, R), hint (B, K, r, r) -> (B, C, S, S).

    D is the width of the waist, R = S / (fold · 2^len(widths)) its side in tokens. `place` comes in at the waist and
    `hint` (a coarse picture of K channels) beside the folded pixels; both may be smaller and are enlarged, or None.
    """

    def __init__(
        self,
        size: int,
        channels: int,
        widths: Sequence[int],
        blocks: int,
        waist: int,
        depth: int,
        fold: int,
        hints: int = 0,
    ) -> None:
        """`widths`: channels of the convolutional levels, finest first; `blocks` at each, on either way."""
        super().__init__()
        self.fold, self.rows = fold, size // fold // 2 ** len(widths)
        entry = widths[0] if widths else waist
        self.inward = nn.Conv2d(channels * fold * fold + hints, entry, 3, padding=1)
        below = [*widths[1:], waist] if widths else []
        self.down = nn.ModuleList(Level(w, w, blocks, waist) for w in widths)
        self.narrow = nn.ModuleList(nn.Conv2d(4 * w, b, 1) for w, b in zip(widths, below, strict=True))
        self.place = nn.Parameter(torch.randn(self.rows**2, waist) * 0.5)
        self.steer = zero(nn.Linear(waist, 6 * waist))
        self.middle = nn.ModuleList(Block(waist, max(1, waist // 64), self.rows) for _ in range(depth))
        self.widen = nn.ModuleList(nn.Conv2d(b, 4 * w, 1) for w, b in zip(widths, below, strict=True))
        self.up = nn.ModuleList(Level(2 * w, w, blocks, waist) for w in widths)
        self.outward = zero(nn.Conv2d(entry, channels * fold * fold, 3, padding=1))

    def forward(self, z: Tensor, steer: Tensor, place: Tensor | None = None, hint: Tensor | None = None) -> Tensor:
        folded = F.pixel_unshuffle(z, self.fold)
        x = self.inward(folded if hint is None else torch.cat([folded, enlarged(hint, folded.shape[-1])], dim=1))
        kept = []
        for level, narrow in zip(self.down, self.narrow, strict=True):
            kept.append(level(x, steer))
            x = narrow(F.pixel_unshuffle(kept[-1], 2))
        x = x if place is None else x + F.interpolate(place, size=x.shape[-2:], mode="nearest")
        x = self.waist(x, steer)
        for level, widen, skip in zip(reversed(self.up), reversed(self.widen), reversed(kept), strict=True):
            x = level(torch.cat([F.pixel_shuffle(widen(x), 2), skip], dim=1), steer)
        return F.pixel_shuffle(self.outward(x), self.fold)

    def waist(self, x: Tensor, steer: Tensor) -> Tensor:
        """(B, D, R, R) -> the same, every place having looked at every other."""
        tokens = x.flatten(2).transpose(1, 2) + self.place  # (B, R², D)
        bend = self.steer(steer).unflatten(1, (6, -1))
        for block in self.middle:
            tokens = block(tokens, bend)
        return F.rms_norm(tokens, tokens.shape[-1:]).transpose(1, 2).unflatten(2, (self.rows, self.rows))


def enlarged(x: Tensor, side: int) -> Tensor:
    """(B, C, r, r) -> (B, C, side, side), bilinear."""
    return F.interpolate(x, size=(side, side), mode="bilinear", align_corners=False)


class Level(nn.Module):
    """Residual convolutions at one size."""

    def __init__(self, inner: int, outer: int, blocks: int, steer: int) -> None:
        super().__init__()
        entries = [inner] + [outer] * (blocks - 1)
        self.blocks = nn.ModuleList(ResBlock(entry, outer, steer) for entry in entries)

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, steer)
        return x
