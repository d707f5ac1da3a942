"""The classic convolutional pair: a dense layer and transposed convolutions up, strided convolutions down.

Radford et al., arXiv 1511.06434. Often printed wrong: a 28 px picture needs two stride-2 steps after 7x7; with one,
as many listings have it, the generator ends at 14x14.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from danqing.nn.layers import Dropout


def halvings(size: int, most: int) -> int:
    """How often `size` can be halved to a whole number of at least 4, at most `most` times.

    >>> halvings(28, 3), halvings(64, 4)
    (2, 4)
    """
    count = 0
    while count < most and size % 2 ** (count + 1) == 0 and size >> (count + 1) >= 4:
        count += 1
    return count


class Up(nn.Module):
    """(B, Z) -> (B, C, size, size) in [-1, 1]; `widths` are the channels before each transposed convolution."""

    def __init__(self, inputs: int, size: int, channels: int, widths: Sequence[int], kernel: int) -> None:
        super().__init__()
        doublings = halvings(size, len(widths))
        self.side, self.width = size >> doublings, widths[0]
        self.dense = nn.Linear(inputs, self.width * self.side**2, bias=False)
        self.start = nn.Sequential(nn.BatchNorm2d(self.width), nn.LeakyReLU(0.2))
        outs = [*widths[1:], channels]
        layers: list[nn.Module] = []
        for i, (inner, outer) in enumerate(zip(widths, outs, strict=True)):
            stride = 1 if i < len(widths) - doublings else 2
            layers.append(_transposed(inner, outer, kernel, stride))
            layers += [nn.BatchNorm2d(outer), nn.LeakyReLU(0.2)] if i < len(outs) - 1 else [nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        x = self.dense(z).unflatten(1, (self.width, self.side, self.side))
        return self.layers(self.start(x.contiguous(memory_format=torch.channels_last)))


class Down(nn.Module):
    """(B, C, size, size) -> (B, outputs): strided convolutions, then one dense layer."""

    def __init__(
        self, size: int, channels: int, widths: Sequence[int], kernel: int, outputs: int, norm: bool, dropout: float
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (inner, outer) in enumerate(zip([channels, *widths[:-1]], widths, strict=True)):
            layers.append(nn.Conv2d(inner, outer, kernel, 2, (kernel - 1) // 2, bias=not norm or i == 0))
            layers += [nn.BatchNorm2d(outer)] if norm and i > 0 else []
            layers += [nn.LeakyReLU(0.2)] + ([Dropout(dropout)] if dropout else [])
            size = (size + 2 * ((kernel - 1) // 2) - kernel) // 2 + 1
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Linear(widths[-1] * size * size, outputs)

    def features(self, x: Tensor) -> Tensor:
        """(B, D) before the dense layer."""
        return self.layers(x).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.features(x))


def _transposed(inner: int, outer: int, kernel: int, stride: int) -> nn.ConvTranspose2d:
    """Exactly `stride` times the size: 5 needs an output padding, 4 none; keeping a size takes an odd kernel."""
    kernel -= stride == 1 and kernel % 2 == 0
    padding = (kernel - 1) // 2
    extra = stride - kernel + 2 * padding
    return nn.ConvTranspose2d(inner, outer, kernel, stride, padding, output_padding=max(0, extra), bias=False)
