"""Pictures <-> latents: a small autoencoder, so that the decoder need not learn what an edge looks like.

128 x 128 pixels of premultiplied RGBA become 16 x 16 places of a few channels (Rombach et al., arXiv 2112.10752). The
channels have mean 0 and deviation 1 over the training pictures by a batch norm without scale; noise on the latents
while the way back is learned stands in for the KL term, and teaches it to forgive the decoder's small errors.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.layers import zero
from danqing.settings import check_least

RGBA = 4


@dataclass(frozen=True)
class CodecConfig:
    fold: int = 4
    """pixels of a side that become one place before the first convolution"""
    widths: tuple[int, int] = (64, 96)
    """channels at 1 / fold and at 1 / (2 fold) of the side"""
    blocks: int = 3
    """residual blocks on the coarse level of either way; the way back has as many on the fine level"""
    channels: int = 8
    """of a latent"""
    rough: float = 0.2
    """largest deviation of the noise on the latents in training"""

    def __post_init__(self) -> None:
        check_least(1, fold=self.fold, widths=self.widths, blocks=self.blocks, channels=self.channels)
        check_least(0, rough=self.rough)

    @property
    def shrink(self) -> int:
        """Pixels of a side for one place of a latent."""
        return 2 * self.fold


class Codec(nn.Module):
    """encode (B, 4, S, S) in [-1, 1] -> (B, C, S / 8, S / 8); decode goes back."""

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.widths
        folded = RGBA * config.fold**2
        self.inward = nn.Sequential(
            nn.PixelUnshuffle(config.fold), nn.Conv2d(folded, fine, 3, padding=1), Residual(fine),
            nn.PixelUnshuffle(2), nn.Conv2d(4 * fine, coarse, 1), *(Residual(coarse) for _ in range(config.blocks)),
            nn.Conv2d(coarse, config.channels, 1),
        )  # fmt: skip
        self.norm = nn.BatchNorm2d(config.channels, affine=False)
        self.outward = nn.Sequential(
            nn.Conv2d(config.channels, coarse, 3, padding=1), *(Residual(coarse) for _ in range(config.blocks)),
            nn.Conv2d(coarse, 4 * fine, 1), nn.PixelShuffle(2), *(Residual(fine) for _ in range(config.blocks)),
            nn.Conv2d(fine, folded, 3, padding=1), nn.PixelShuffle(config.fold),
        )  # fmt: skip

    def encode(self, pictures: Tensor) -> Tensor:
        return self.norm(self.inward(pictures.contiguous(memory_format=torch.channels_last)).float())

    def decode(self, latents: Tensor) -> Tensor:
        return self.outward(latents.contiguous(memory_format=torch.channels_last)).float()

    def forward(self, pictures: Tensor) -> Tensor:
        return self.decode(self.encode(pictures))


class Residual(nn.Module):
    """x + two 3 x 3 convolutions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(8, width), nn.GroupNorm(8, width)
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = zero(nn.Conv2d(width, width, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(F.silu(self.norm2(self.conv1(F.silu(self.norm1(x))))))
