"""The picture embedding: what a frozen network and a coarse colour layout say of a picture, a few hundred numbers.

    whole   (192)      principal components of EfficientNet-Lite0's pooled features: what it is
    cells   (4 x 4 x 32)   principal components of its last map: what is where
    layout  (8 x 8 x 4)    the picture itself at 8 x 8, premultiplied RGBA: which colour is where

The words' side (prior) predicts it, the pixels' side (decoder) paints it. DALL-E 2 (arXiv 2204.06125) has a CLIP vector
in this place; a plain picture network serves as well and comes with the package.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.nn.efficientnet import DIMS, WIDTHS, EfficientNetLite0

GRID = 4
"""cells a side: the last map of the network at 128 px"""
SIDE = 32 * GRID


@dataclass(frozen=True)
class Shape:
    """How many numbers each part has."""

    whole: int = 192
    cell: int = 32
    layout: int = 8
    """side of the colour layout, a multiple of GRID"""

    @property
    def per_cell(self) -> int:
        """Numbers of one cell: its components and its piece of the layout."""
        return self.cell + 4 * (self.layout // GRID) ** 2

    @property
    def total(self) -> int:
        return self.whole + GRID * GRID * self.per_cell


class Embedder(nn.Module):
    """(B, 4, 128, 128) premultiplied RGBA in [-1, 1] -> (B, total) numbers of standard deviation about 1.

    The seeing network is handed in and not part of the weights; means and components are.
    """

    whole_mean: Tensor
    whole_basis: Tensor
    cell_mean: Tensor
    cell_basis: Tensor
    layout_mean: Tensor
    layout_scale: Tensor

    def __init__(self, shape: Shape = Shape()) -> None:
        super().__init__()
        self.shape = shape
        side = shape.layout
        self.register_buffer("whole_mean", torch.zeros(DIMS))
        self.register_buffer("whole_basis", torch.zeros(DIMS, shape.whole))
        self.register_buffer("cell_mean", torch.zeros(GRID * GRID, WIDTHS[-1]))
        self.register_buffer("cell_basis", torch.zeros(WIDTHS[-1], shape.cell))
        self.register_buffer("layout_mean", torch.zeros(4, side, side))
        self.register_buffer("layout_scale", torch.ones(()))

    def forward(self, seen: "Seen") -> Tensor:
        """(B, total): the whole, then cell by cell its components and its piece of the layout."""
        whole = (seen.whole - self.whole_mean) @ self.whole_basis
        cells = (seen.map.flatten(2).mT - self.cell_mean) @ self.cell_basis  # (B, 16, cell)
        colours = (seen.layout - self.layout_mean) * self.layout_scale
        pieces = F.pixel_unshuffle(colours, self.shape.layout // GRID).flatten(2).mT  # (B, 16, 4 k²)
        return torch.cat([whole, torch.cat([cells, pieces], dim=2).flatten(1)], dim=1)

    def parts(self, e: Tensor) -> tuple[Tensor, Tensor]:
        """(B, total) -> the whole (B, whole) and the cells (B, 16, per_cell)."""
        whole, cells = e.split([self.shape.whole, e.shape[1] - self.shape.whole], dim=1)
        return whole, cells.unflatten(1, (GRID * GRID, -1))

    def layout(self, e: Tensor) -> Tensor:
        """(B, 4, layout, layout) premultiplied RGBA in about [-1, 1]: the colours that an embedding stands for."""
        return layout_of(self.parts(e)[1], self.shape.cell) / self.layout_scale + self.layout_mean

    def fit(self, seen: "Seen") -> None:
        """Means and components from many pictures.

        Each component is divided by the square root of its standard deviation (half whitening), which keeps large
        components larger, and each part is scaled to a mean variance of 1.
        """
        self.whole_mean, self.whole_basis = components(seen.whole, self.shape.whole)
        cells = seen.map.flatten(2).mT  # (B, 16, 320)
        self.cell_mean = cells.mean(0)  # corners are mostly empty: every cell has its own mean, all share their basis
        _, self.cell_basis = components((cells - self.cell_mean).flatten(0, 1), self.shape.cell)
        self.layout_mean = seen.layout.mean(0)
        self.layout_scale = 1 / (seen.layout - self.layout_mean).std()


@dataclass(frozen=True)
class Seen:
    """What the network and the eye see of B pictures, before any basis is chosen."""

    whole: Tensor
    """(B, 1280)"""
    map: Tensor
    """(B, 320, 4, 4)"""
    layout: Tensor
    """(B, 4, layout, layout)"""


def look(net: EfficientNetLite0, pictures: Tensor, layout: int = 8) -> Seen:
    """See (B, 4, H, W) premultiplied RGBA in [-1, 1], over white, at 128 px."""
    if pictures.shape[-1] != SIDE:
        pictures = F.interpolate(pictures, (SIDE, SIDE), mode="bilinear", antialias=True)
    shown = over_white(pictures).contiguous(memory_format=torch.channels_last)
    last = net(shown)[-1]
    whole = net.act(net.head(last)).mean((2, 3))
    return Seen(whole, last, F.adaptive_avg_pool2d(pictures, layout))


def over_white(pictures: Tensor) -> Tensor:
    """(B, 4, H, W) premultiplied RGBA in [-1, 1] -> (B, 3, H, W) over white: c + (1 - a), in the range [-1, 1]."""
    return (pictures[:, :3] + 1 - pictures[:, 3:]).clamp(-1, 1)


def layout_of(cells: Tensor, cell: int) -> Tensor:
    """Cells (B, 16, cell + 4 k²) -> their layout as it is in the embedding, (B, 4, 4 k, 4 k)."""
    pieces = cells[:, :, cell:].mT.unflatten(2, (GRID, GRID))
    return F.pixel_shuffle(pieces, int((pieces.shape[1] / 4) ** 0.5))


def components(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean (D,) and half-whitening basis (D, count) of rows (N, D), by the covariance's eigenvectors."""
    mean = rows.mean(0)
    values, vectors = torch.linalg.eigh(torch.cov((rows - mean).double().T))
    values, vectors = values[-count:].flip(0), vectors[:, -count:].flip(1)
    spread = values.clamp(min=1e-12).sqrt()  # standard deviations, falling
    basis = vectors / spread.sqrt() / spread.mean().sqrt()  # variance of component i: spread_i / mean spread
    return mean, basis.float().contiguous()
