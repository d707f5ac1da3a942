"""For small folders: a light fast painter against a critic that looks through a frozen, pretrained network.

Painter after FastGAN (Liu et al., arXiv 2101.04775): gated upsampling blocks, small maps excite large ones.
Critic after Projected GAN (Sauer et al., arXiv 2111.01007): four feature maps of EfficientNet-Lite0, mixed across
channels and scales by fixed random convolutions, each judged by its own small head. A fifth head judges the pixels
themselves, as in Vision-aided GAN (Kumari et al., arXiv 2112.09130): the frozen network hardly heeds colours.
"""

import copy
import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from danqing.evaluate.shipped import efficientnet_lite0
from danqing.nn.classic import halvings
from danqing.nn.efficientnet import prepare

MIXED = 64
"""channels of the mixed feature maps"""
PIXELS = 96
"""channels of the head that judges pixels"""
COARSEST = 32
"""pixels of a side that become one place of the coarsest feature map"""


class Grow(nn.Module):
    """Twice the size: nearest pixel, 3x3 convolution, batch norm, gated linear unit."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, 2 * outer, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(2 * outer)

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(self.norm(self.conv(F.interpolate(x, scale_factor=2))), dim=1)


class Excite(nn.Module):
    """A small map says which channels of a large map matter (skip-layer excitation, arXiv 2101.04775, eq. 1)."""

    def __init__(self, small: int, large: int) -> None:
        super().__init__()
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(4), nn.Conv2d(small, large, 4), nn.SiLU(), nn.Conv2d(large, large, 1), nn.Sigmoid()
        )

    def forward(self, small: Tensor, large: Tensor) -> Tensor:
        return large * self.weigh(small)


class FastPainter(nn.Module):
    """(B, Z) -> (B, C, size, size) in [-1, 1]; labels are not used, since the critic knows none."""

    def __init__(self, size: int, channels: int, latent: int, widths: Sequence[int]) -> None:
        super().__init__()
        doublings = halvings(size, len(widths) - 1)
        self.side, widths = size >> doublings, list(widths)[: doublings + 1]
        self.dense = nn.Linear(latent, 2 * widths[0] * self.side**2, bias=False)
        self.norm = nn.BatchNorm2d(2 * widths[0])
        self.grow = nn.ModuleList(Grow(a, b) for a, b in itertools.pairwise(widths))
        far = max(1, doublings - 1)  # the map `far` doublings below excites the map above
        self.far = far
        self.excite = nn.ModuleList(Excite(widths[i], widths[i + far]) for i in range(doublings + 1 - far))
        self.outward = nn.Conv2d(widths[-1], channels, 3, padding=1)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        z = F.normalize(z, dim=1) * z.shape[1] ** 0.5
        x = self.dense(z).unflatten(1, (-1, self.side, self.side)).contiguous(memory_format=torch.channels_last)
        maps = [F.glu(self.norm(x), dim=1)]
        for i, grow in enumerate(self.grow, start=1):
            x = grow(maps[-1])
            maps.append(self.excite[i - self.far](maps[i - self.far], x) if i >= self.far else x)
        return torch.tanh(self.outward(maps[-1]))


class Head(nn.Module):
    """One judge of one map: halved by strided convolutions to 4x4, then one score per picture."""

    def __init__(self, side: int, channels: int = MIXED, width: int = MIXED) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        while side > 4:
            layers += [spectral_norm(nn.Conv2d(channels, width, 4, 2, 1)), nn.LeakyReLU(0.2)]
            side, channels = side // 2, width
        self.down = nn.Sequential(*layers)
        self.score = spectral_norm(nn.Conv2d(channels, 1, side))

    def forward(self, x: Tensor) -> Tensor:
        return self.score(self.down(x)).mean((1, 2, 3))


class ProjectedCritic(nn.Module):
    """(B, C, size, size) in [-1, 1], labels -> (B, 5) scores, one a head; labels are not used."""

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.side = side = min(4 * COARSEST, max(2 * COARSEST, -(-size // COARSEST) * COARSEST))
        self._frozen = (copy.deepcopy(efficientnet_lite0()),)  # in a tuple: neither trained nor saved with this module
        with torch.no_grad():
            maps = self._features(torch.zeros(1, 3, side, side))
        self.mix = nn.ModuleList(nn.Conv2d(m.shape[1], MIXED, 1) for m in maps).requires_grad_(False)
        self.smooth = nn.ModuleList(nn.Conv2d(MIXED, MIXED, 3, padding=1) for _ in maps).requires_grad_(False)
        self.heads = nn.ModuleList(Head(m.shape[-1]) for m in maps)
        self.pixels = Head(size, channels, PIXELS)

    def _features(self, x: Tensor) -> list[Tensor]:
        """In fp32: on a CPU its depthwise convolutions go back twice as fast as in bf16."""
        with torch.autocast(x.device.type, enabled=False):
            return self._frozen[0].to(x.device)(prepare(x.float(), self.side))[-4:]

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        scores, below = [], None
        for mix, smooth, head, m in reversed(
            list(zip(self.mix, self.smooth, self.heads, self._features(x), strict=True))
        ):
            mixed = mix(m)
            if below is not None:
                mixed = mixed + F.interpolate(below, size=mixed.shape[-2:], mode="bilinear")
            below = smooth(mixed)
            scores.append(head(below))
        return torch.stack([*scores, self.pixels(x)], dim=1)
