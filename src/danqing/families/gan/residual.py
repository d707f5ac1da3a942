"""A small modern pair without normalisation (after R3GAN, Huang et al., arXiv 2501.05441, at the size of a laptop).

Residual blocks of two 3x3 convolutions, bilinear resampling, leaky ReLU, branches that start near zero (Fixup). Pixels
are folded into channels at the door, so that the convolutions work on small, wide maps.
"""

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.classic import halvings
from danqing.nn.layers import Labels


class Residual(nn.Module):
    """x + conv(act(conv(act(x)))); the last convolution starts at zero."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        nn.init.kaiming_normal_(self.conv1.weight, 0.2)
        nn.init.normal_(self.conv2.weight, std=1e-3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.leaky_relu(x, 0.2))
        return x + self.conv2(F.leaky_relu(h, 0.2))


class ResidualPainter(nn.Module):
    """(B, Z), labels -> (B, C, size, size) in [-1, 1]."""

    def __init__(self, size: int, channels: int, classes: int, latent: int, widths: Sequence[int], fold: int) -> None:
        super().__init__()
        doublings = halvings(size // fold, len(widths) - 1)
        self.fold, self.side, widths = fold, size // fold >> doublings, list(widths)[-doublings - 1 :]
        self.labels = Labels(classes, latent, spread=1.0)
        self.dense = nn.Linear(2 * latent, widths[0] * self.side**2)
        self.stages = nn.ModuleList(Residual(w) for w in widths)
        self.change = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in itertools.pairwise(widths))
        self.unfold = nn.Conv2d(widths[-1], 8 * fold * fold, 3, padding=1)
        self.outward = nn.Conv2d(8, channels, 3, padding=1)  # at full size, so that the folds leave no grid

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        x = self.dense(torch.cat([z, self.labels(labels)], dim=1))
        x = x.unflatten(1, (-1, self.side, self.side)).contiguous(memory_format=torch.channels_last)
        x = self.stages[0](x)
        for change, stage in zip(self.change, self.stages[1:], strict=True):
            x = stage(F.interpolate(change(x), scale_factor=2, mode="bilinear"))
        x = F.pixel_shuffle(self.unfold(F.leaky_relu(x, 0.2)), self.fold)
        return torch.tanh(self.outward(F.leaky_relu(x, 0.2)))


class ResidualCritic(nn.Module):
    """(B, C, H, W), labels -> (B,) scores; with labels by projection (arXiv 1802.05637)."""

    def __init__(self, size: int, channels: int, classes: int, widths: Sequence[int], fold: int) -> None:
        super().__init__()
        halved = halvings(size // fold, len(widths) - 1)
        self.fold, widths = fold, list(widths)[: halved + 1]
        self.inward = nn.Conv2d(channels * fold * fold, widths[0], 3, padding=1)
        self.stages = nn.ModuleList(Residual(w) for w in widths)
        self.change = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in itertools.pairwise(widths))
        flat = widths[-1] * (size // fold >> halved) ** 2
        self.dense = nn.Linear(flat, 256)
        self.score = nn.Linear(256, 1)
        self.labels = Labels(classes, 256)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        x = self.stages[0](self.inward(F.pixel_unshuffle(x, self.fold)))
        for change, stage in zip(self.change, self.stages[1:], strict=True):
            x = stage(change(F.avg_pool2d(x, 2)))
        h = F.leaky_relu(self.dense(F.leaky_relu(x, 0.2).flatten(1)), 0.2)
        return self.score(h)[:, 0] + (self.labels(labels) * h).sum(1)
