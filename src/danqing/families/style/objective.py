"""What the optimiser makes small: style and content of a picture against the wanted ones, whole or tile by tile.

    loss = style Σ_regions area Σ_layers w_l D(moments_l) + content Σ_layers w_l ‖f_l - f_l*‖² + smooth TV

The style part depends on the picture only through its moments, which are averages over places. So a picture that is too
large for memory is done in two passes (Galerne et al., EGSR 2024, sec. 4): add up the moments over tiles; take the
gradient of the loss by the moments; then send that gradient back through each tile. The result is exact where tiles
overlap by the reach of the deepest layer.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from danqing.families.style.eyes import Eyes, reach, stride
from danqing.families.style.measures import (
    DISTANCES,
    Moments,
    content_distance,
    energy,
    mixed,
    moments,
    total_variation,
)
from danqing.families.style.settings import GatysConfig
from danqing.nn.precision import arithmetic, painting

GRID = 16
"""tiles begin at multiples of this, so that all layers' places agree"""


@dataclass(frozen=True)
class Exemplar:
    """A picture whose manner is wanted."""

    picture: Tensor
    """(3, H, W) in [-1, 1]"""
    weight: float = 1.0
    mask: Tensor | None = None
    """(H, W) in [0, 1], the part of the picture that counts; None for all"""
    manner: Tensor | None = None
    """(D + M,) that was taught for it, for the fast engine; None is read from the picture"""


@dataclass(frozen=True)
class Region:
    """A part of the picture and the manners it is to have."""

    exemplars: Sequence[Exemplar]
    mask: Tensor | None = None
    """(H, W) in [0, 1] on the picture that is made; None for all of it"""


@dataclass(frozen=True)
class Tile:
    """A rectangle (top, bottom, left, right) to be looked at, and the part of it that is its own."""

    outer: tuple[int, int, int, int]
    inner: tuple[int, int, int, int]

    def cut(self, x: Tensor) -> Tensor:
        """(..., H, W) -> the outer rectangle."""
        top, bottom, left, right = self.outer
        return x[..., top:bottom, left:right]


Statistics = list[dict[str, Moments]]
"""one dict for each region: layer -> moments"""


class Objective:
    """For pictures (3, H, W) of one size."""

    def __init__(self, eyes: Eyes, config: GatysConfig, content: Tensor, regions: Sequence[Region], tile: int) -> None:
        """`content` (3, H, W) in [-1, 1]; `tile`: longest side that is looked at in one piece."""
        self.eyes, self.config = eyes, config
        self.layers = {**config.style_layers, **config.content_layers}
        self.tiles = tiles(content.shape[-2:], tile, reach(self.layers))
        self.masks = [region.mask for region in regions]
        self.areas = [1.0 if mask is None else float(mask.mean()) for mask in self.masks]
        self.shares = [{layer: share_of(mask, layer, content) for layer in config.style_layers} for mask in self.masks]
        self.wanted = [wanted_of(eyes, region.exemplars, config, tile) for region in regions]
        self.kept = [self.content_features(content, one) for one in self.tiles]
        whole = sum(area(one.inner) for one in self.tiles)
        self.parts = [area(one.inner) / whole for one in self.tiles]
        self.energy = {
            layer: sum(part * energy(one[layer]) for part, one in zip(self.parts, self.kept, strict=True))
            for layer in config.content_layers
        }

    def __call__(self, picture: Tensor) -> tuple[float, Tensor]:
        """Loss and its gradient (3, H, W)."""
        return self.at_once(picture) if len(self.tiles) == 1 else self.in_tiles(picture)

    def at_once(self, picture: Tensor) -> tuple[float, Tensor]:
        x = picture.detach().requires_grad_()
        features = self.seen(x)
        loss = self.style(self.statistics(features, self.tiles[0])) + self.content(features, 0) + self.smooth(x)
        return float(loss.detach()), torch.autograd.grad(loss, x)[0]

    def in_tiles(self, picture: Tensor) -> tuple[float, Tensor]:
        """The same in two passes, with the memory of one tile."""
        with torch.no_grad():
            total = added(self.statistics(self.seen(tile.cut(picture)), tile) for tile in self.tiles)
        leaves = [
            {name: Moments(m.mean.requires_grad_(), m.second.requires_grad_()) for name, m in one.items()}
            for one in total
        ]
        flat = [value for one in leaves for m in one.values() for value in (m.mean, m.second)]
        loss = self.style(leaves)
        slopes = torch.autograd.grad(loss, flat)
        x = picture.detach().requires_grad_()
        smooth = self.smooth(x)
        gradient, value = torch.autograd.grad(smooth, x)[0], float(loss.detach()) + float(smooth.detach())
        for number, tile in enumerate(self.tiles):
            piece = tile.cut(picture).detach().requires_grad_()
            features = self.seen(piece)
            own = [v for one in self.statistics(features, tile) for m in one.values() for v in (m.mean, m.second)]
            content = self.content(features, number)
            pulled = sum((slope * part).sum() for slope, part in zip(slopes, own, strict=True)) + content
            tile.cut(gradient).add_(torch.autograd.grad(pulled, piece)[0])
            value += float(content.detach())
        return value, gradient

    # The three terms.

    def style(self, statistics: Statistics) -> Tensor:
        distance, weights = DISTANCES[self.config.distance], self.config.style_layers
        total = sum(weights.values())
        errors = [
            area * weights[layer] / total * distance(made[layer], wanted[layer])
            for area, made, wanted in zip(self.areas, statistics, self.wanted, strict=True)
            for layer in weights
        ]
        return self.config.style * torch.stack(errors).sum()

    def content(self, features: Mapping[str, Tensor], number: int) -> Tensor:
        """Of one tile, for its share of the picture's places."""
        weights, tile, kept = self.config.content_layers, self.tiles[number], self.kept[number]
        errors = [
            weight * content_distance(own(features[layer], layer, tile), kept[layer].float(), self.energy[layer])
            for layer, weight in weights.items()
        ]
        return self.config.content * self.parts[number] / sum(weights.values()) * torch.stack(errors).sum()

    def smooth(self, picture: Tensor) -> Tensor:
        return self.config.smooth * total_variation(picture)

    # Features.

    def seen(self, picture: Tensor) -> dict[str, Tensor]:
        """In the arithmetic of painting; the statistics are of fp32 all the same."""
        with arithmetic(painting()):
            return self.eyes(picture, self.layers)

    def statistics(self, features: Mapping[str, Tensor], tile: Tile) -> Statistics:
        """The tile's part of every region's moments."""
        return [
            {
                layer: moments(own(features[layer], layer, tile), own_share(share, layer, tile))
                for layer, share in shares.items()
            }
            for shares in self.shares
        ]

    @torch.no_grad()
    def content_features(self, content: Tensor, tile: Tile) -> dict[str, Tensor]:
        with arithmetic(painting()):  # as the picture is seen, so that it is at no distance from itself
            features = self.eyes(tile.cut(content), self.config.content_layers)
        return {layer: own(h, layer, tile).half() for layer, h in features.items()}


@torch.no_grad()
def wanted_of(eyes: Eyes, exemplars: Sequence[Exemplar], config: GatysConfig, tile: int) -> dict[str, Moments]:
    """Moments of a manner: of each exemplar whole, mixed by their weights."""
    several = [statistics_of(eyes, one.picture, one.mask, config.style_layers, tile) for one in exemplars]
    weights = [one.weight for one in exemplars]
    return {layer: mixed([one[layer] for one in several], weights) for layer in config.style_layers}


@torch.no_grad()
def statistics_of(
    eyes: Eyes, picture: Tensor, mask: Tensor | None, layers: Iterable[str], tile: int
) -> dict[str, Moments]:
    """Moments of a whole picture (3, H, W), tile by tile."""
    layers = list(layers)
    shares = {layer: share_of(mask, layer, picture) for layer in layers}
    parts = []
    for one in tiles(picture.shape[-2:], tile, reach(layers)):
        features = eyes(one.cut(picture), layers)
        parts.append([{k: moments(own(h, k, one), own_share(shares[k], k, one)) for k, h in features.items()}])
    return added(parts)[0]


def added(parts: Iterable[Statistics]) -> Statistics:
    """The moments of a whole, from those of its tiles."""
    total: Statistics = []
    for part in parts:
        total = total or [{k: Moments(0 * m.mean, 0 * m.second) for k, m in one.items()} for one in part]
        total = [
            {k: Moments(m.mean + one[k].mean, m.second + one[k].second) for k, m in sums.items()}
            for sums, one in zip(total, part, strict=True)
        ]
    return total


# Places.


def share_of(mask: Tensor | None, layer: str, picture: Tensor) -> Tensor | float:
    """How much each place of a layer counts: evenly, or (h, w), summing up to 1, by a mask (H, W) in [0, 1]."""
    h, w = (side // stride(layer) for side in picture.shape[-2:])
    if mask is None:
        return 1 / (h * w)
    small = interpolate(mask[None, None].float(), (h, w), mode="area")[0, 0].clamp(min=0)
    return small / small.sum().clamp(min=1e-6)


def own_share(share: Tensor | float, layer: str, tile: Tile) -> Tensor | float:
    """The tile's own places of it."""
    return own(share, layer, tile, whole=True) if isinstance(share, Tensor) else share


def own(x: Tensor, layer: str, tile: Tile, whole: bool = False) -> Tensor:
    """The tile's own places of a feature map of the tile, or with `whole` of the whole picture; (..., h, w)."""
    step = stride(layer)
    top, bottom, left, right = (edge // step for edge in tile.inner)
    if not whole:
        up, aside = tile.outer[0] // step, tile.outer[2] // step
        top, bottom, left, right = top - up, bottom - up, left - aside, right - aside
    return x[..., top:bottom, left:right]


def area(rectangle: tuple[int, int, int, int]) -> int:
    top, bottom, left, right = rectangle
    return (bottom - top) * (right - left)


def tiles(size: Sequence[int], tile: int, margin: int) -> list[Tile]:
    """Tiles that cover (H, W), at most about `tile` long with their margins; one if that is enough."""
    height, width = size
    if max(size) <= tile:
        return [Tile((0, height, 0, width), (0, height, 0, width))]
    margin = -(-margin // GRID) * GRID
    step = max(GRID, (tile - 2 * margin) // GRID * GRID)
    made = []
    for top, bottom in spans(height, step):
        for left, right in spans(width, step):
            outer = (
                max(0, top - margin),
                min(height, bottom + margin),
                max(0, left - margin),
                min(width, right + margin),
            )
            made.append(Tile(outer, (top, bottom, left, right)))
    return made


def spans(length: int, step: int) -> list[tuple[int, int]]:
    """0 .. length in pieces of `step`, the last one shorter, but not by so much that a layer has no place in it."""
    edges = [*range(0, length, step), length]
    if len(edges) > 2 and edges[-1] - edges[-2] < GRID:
        del edges[-2]
    return list(itertools.pairwise(edges))
