"""A small U-Net that works on folded pixels (Ho et al., arXiv 2006.11239, with pixel unshuffle at the door).

A 28 px picture folded by 2 is worked on at 14 and 7 px, a 64 px picture folded by 4 at 16, 8 and 4: wide, small maps
keep a CPU busy, thin full-size ones do not.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.layers import Condition, attend, zero


class ResBlock(nn.Module):
    """Two 3x3 convolutions; the condition scales and shifts between them (FiLM, arXiv 1709.07871)."""

    def __init__(self, inner: int, outer: int, steer: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, inner), nn.GroupNorm(8, outer)
        self.conv1 = nn.Conv2d(inner, outer, 3, padding=1)
        self.conv2 = zero(nn.Conv2d(outer, outer, 3, padding=1))
        self.film = nn.Linear(steer, 2 * outer)
        self.skip = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        scale, shift = self.film(steer)[:, :, None, None].chunk(2, dim=1)  # (B, outer, 1, 1)
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.norm2(h) * (1 + scale) + shift
        return self.skip(x) + self.conv2(F.silu(h))


class PixelAttention(nn.Module):
    """Self-attention over the pixels of a small map."""

    def __init__(self, width: int, head_width: int = 64) -> None:
        super().__init__()
        self.heads = max(1, width // head_width)
        self.norm = nn.GroupNorm(8, width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.out = zero(nn.Linear(width, width))

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.norm(x).flatten(2).transpose(1, 2)  # (B, H·W, D)
        q, k, v = self.qkv(tokens).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k = F.rms_norm(q, q.shape[-1:]), F.rms_norm(k, k.shape[-1:])
        mixed = self.out(attend(q, k, v).transpose(1, 2).flatten(2))
        return x + mixed.transpose(1, 2).reshape(x.shape)


class Stage(nn.Module):
    """Some ResBlocks at one size, with attention after the last where asked for."""

    def __init__(self, widths: Sequence[int], steer: int, attention: bool) -> None:
        super().__init__()
        pairs = itertools.pairwise(widths)
        self.blocks = nn.ModuleList(ResBlock(inner, outer, steer) for inner, outer in pairs)
        self.attention = PixelAttention(widths[-1]) if attention else nn.Identity()

    def forward(self, x: Tensor, steer: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, steer)
        return self.attention(x)


class UNet(nn.Module):
    """net(z, t, span, labels): z (B, C, H, W), t and span (B,) in [0, 1], labels (B,) -> (B, C, H, W)."""

    def __init__(
        self, channels: int, classes: int, widths: Sequence[int], fold: int, blocks: int = 2, attention_below: int = 2
    ) -> None:
        """`attention_below`: the last so many sizes get attention."""
        super().__init__()
        self.fold = fold
        steer, last = 2 * widths[0], len(widths) - 1
        self.condition = Condition(classes, steer)
        self.inward = nn.Conv2d(channels * fold * fold, widths[0], 3, padding=1)
        attends = [i > last - attention_below for i in range(len(widths))]
        entries = [widths[0], *widths[:-1]]
        self.down = nn.ModuleList(
            Stage([enter] + [w] * blocks, steer, attends[i])
            for i, (enter, w) in enumerate(zip(entries, widths, strict=True))
        )
        self.middle = Stage([widths[-1]] * 2, steer, False)
        leaves = [*widths[1:], widths[-1]]
        self.up = nn.ModuleList(
            Stage([below + w] + [w] * blocks, steer, attends[i])
            for i, (below, w) in enumerate(zip(leaves, widths, strict=True))
        )
        self.norm = nn.GroupNorm(8, widths[0])
        self.outward = zero(nn.Conv2d(widths[0], channels * fold * fold, 3, padding=1))

    def forward(self, z: Tensor, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        steer = self.condition(t, span, labels)
        x = self.inward(F.pixel_unshuffle(z, self.fold))
        kept = []
        for i, stage in enumerate(self.down):
            x = stage(x if i == 0 else F.avg_pool2d(x, 2, ceil_mode=True), steer)
            kept.append(x)
        x = self.middle(x, steer)
        for stage, skip in zip(reversed(self.up), reversed(kept), strict=True):
            if x.shape[-1] != skip.shape[-1]:
                x = F.interpolate(x, size=skip.shape[-2:], mode="nearest")
            x = stage(torch.cat([x, skip], dim=1), steer)
        return F.pixel_shuffle(self.outward(F.silu(self.norm(x))), self.fold)
