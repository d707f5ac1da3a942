"""A small network that enlarges drawings four times: convolutions on folded pixels, over a bicubic enlargement.

Residual blocks without norms (EDSR, Lim et al., arXiv 1707.02921) and sub-pixel convolution at the door (Shi et al.,
arXiv 1609.05158). The blocks see pixels folded by 2, where a CPU is fast and each convolution looks twice as far; the
last block works at the size of the input, so that no fold is seen in the picture. It starts as plain bicubic enlarging.
"""

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.layers import zero
from danqing.settings import check_least

CHANNELS = 4
"""premultiplied RGBA"""
FACTOR = 4


@dataclass(frozen=True)
class UpscalerConfig:
    width: int = 64
    """channels at the folded size"""
    blocks: int = 6
    fine: int = 32
    """channels at the size of the input"""
    fold: int = 2

    def __post_init__(self) -> None:
        check_least(1, width=self.width, blocks=self.blocks, fine=self.fine, fold=self.fold)


class Refine(nn.Module):
    """Two 3x3 convolutions beside the identity; at the start the identity alone."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = zero(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.conv1(x)))


class Upscaler(nn.Module):
    """net(x): (B, 4, H, W) in [-1, 1] -> (B, 4, 4 H, 4 W), about [-1, 1]; H and W of any length."""

    def __init__(self, config: UpscalerConfig) -> None:
        super().__init__()
        self.config = config
        self.inward = nn.Conv2d(CHANNELS * config.fold**2, config.width, 3, padding=1)
        self.blocks = nn.Sequential(*(Refine(config.width) for _ in range(config.blocks)))
        self.widen = nn.Conv2d(config.width, config.fine * config.fold**2, 1)
        self.last = Refine(config.fine)
        self.outward = zero(nn.Conv2d(config.fine, CHANNELS * FACTOR**2, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        height, width = x.shape[2:]
        fold = self.config.fold
        whole = F.pad(x, (0, -width % fold, 0, -height % fold), mode="replicate")
        h = self.blocks(self.inward(F.pixel_unshuffle(whole, fold)))  # (B, width, H/fold, W/fold)
        h = self.last(F.pixel_shuffle(self.widen(F.silu(h)), fold))  # (B, fine, H, W)
        more = F.pixel_shuffle(self.outward(F.silu(h)), FACTOR)[..., : height * FACTOR, : width * FACTOR]
        return F.interpolate(x, scale_factor=FACTOR, mode="bicubic") + more
