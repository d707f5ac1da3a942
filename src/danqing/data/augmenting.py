"""Small random changes to pictures, differentiable, so that they serve data and discriminators (DiffAugment) alike.

All geometry is composed into one affine map per picture and sampled once. Reference: Zhao et al., "Differentiable
Augmentation for Data-Efficient GAN Training", arXiv:2006.10738; the probability as in Karras et al., arXiv:2006.06676.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from danqing.errors import UsageError
from danqing.images.arrays import LUMA
from danqing.nn.chance import Chance


@dataclass(frozen=True)
class Augment:
    """How much pictures are changed at most; zero means not at all. UsageError for a value out of range."""

    flip: bool = False
    """left and right, every second picture; not for letters or faces that must keep their side"""
    rotate: float = 0.0
    """degrees either way, 0 .. 180"""
    scale: float = 0.0
    """0.1 is up to 10 % larger or smaller, 0 .. 0.9"""
    translate: float = 0.0
    """fraction of the side, 0 .. 1"""
    crop: float = 0.0
    """fraction of the side cut away at most before enlarging to the old size, 0 .. 0.9"""
    brightness: float = 0.0
    """added to values in [-1, 1], 0 .. 1; values may then leave [-1, 1]"""
    contrast: float = 0.0
    """0.5 multiplies the distance from the mean by 0.5 .. 1.5, 0 .. 1"""
    saturation: float = 0.0
    """the same for the distance from grey, 0 .. 1; nothing happens to grey pictures"""
    cutout: float = 0.0
    """side of the square painted middle grey, as a fraction of the picture's side, 0 .. 1"""
    probability: float = 1.0
    """of each kind of change (flip, geometry, colour, cutout) for each picture, 0 .. 1"""

    def __post_init__(self) -> None:
        most = {"rotate": 180.0, "scale": 0.9, "crop": 0.9}
        for field in fields(self):
            value, limit = getattr(self, field.name), most.get(field.name, 1.0)
            if not 0 <= value <= limit:
                raise UsageError(f"augment.{field.name} = {value} is not possible; choose 0 to {limit:g}.")


def augment(pictures: Tensor, settings: Augment, chance: Chance) -> Tensor:
    """(B, C, H, W) float in [-1, 1] -> the same shape, every picture changed by itself.

    With nothing to change the input itself comes back. Gradients flow through all of it.
    """
    if not settings.probability:
        return pictures
    if settings.flip:
        pictures = _flipped(pictures, settings, chance)
    if settings.rotate or settings.scale or settings.translate or settings.crop:
        pictures = _moved(pictures, settings, chance)
    if settings.brightness or settings.contrast or settings.saturation:
        pictures = _coloured(pictures, settings, chance)
    if settings.cutout:
        pictures = _cut(pictures, settings, chance)
    return pictures


def _flipped(pictures: Tensor, settings: Augment, chance: Chance) -> Tensor:
    chosen = chance.keep(0.5 * settings.probability, len(pictures)).view(-1, 1, 1, 1)
    return torch.where(chosen, pictures.flip(-1), pictures)


def _moved(pictures: Tensor, settings: Augment, chance: Chance) -> Tensor:
    """One bilinear sampling along one affine map per picture; what lies outside is mirrored in."""
    matrix = affine(settings, chance, len(pictures))
    grid = F.affine_grid(matrix, list(pictures.shape), align_corners=False)
    moved = F.grid_sample(pictures.float(), grid, padding_mode="reflection", align_corners=False)
    return moved.to(pictures.dtype)


def affine(settings: Augment, chance: Chance, rows: int) -> Tensor:
    """(rows, 2, 3) float32: where each place of the new picture, in -1 .. 1, comes from in the old one."""
    draws = 2 * chance.uniform(rows, 7) - 1
    angle = draws[:, 0] * math.radians(settings.rotate)
    part = 1 - settings.crop * (draws[:, 1] + 1) / 2
    zoom = part / (1 + settings.scale * draws[:, 2])
    cos, sin = zoom * angle.cos(), zoom * angle.sin()
    shift = 2 * settings.translate * draws[:, 3:5] + (1 - part)[:, None] * draws[:, 5:7]
    matrix = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
    same = torch.eye(2, 3, device=matrix.device).expand_as(matrix)
    return torch.where(chance.keep(settings.probability, rows).view(-1, 1, 1), matrix, same)


def _coloured(pictures: Tensor, settings: Augment, chance: Chance) -> Tensor:
    """Brightness adds; contrast and saturation move along the lines to the mean and to grey."""
    draws = (2 * chance.uniform(len(pictures), 3) - 1) * chance.keep(settings.probability, len(pictures))[:, None]
    bright, contrast, colour = draws.to(pictures.dtype).view(-1, 3, 1, 1, 1).unbind(1)
    pictures = pictures + settings.brightness * bright
    if settings.saturation and pictures.shape[1] == 3:
        grey = (pictures * pictures.new_tensor(LUMA).view(1, 3, 1, 1)).sum(1, keepdim=True)
        pictures = pictures + settings.saturation * colour * (pictures - grey)
    if settings.contrast:
        pictures = pictures + settings.contrast * contrast * (pictures - pictures.mean((1, 2, 3), keepdim=True))
    return pictures


def _cut(pictures: Tensor, settings: Augment, chance: Chance) -> Tensor:
    """A square around a random place becomes 0; at the border part of it falls outside."""
    centre = chance.uniform(len(pictures), 2)
    chosen = chance.keep(settings.probability, len(pictures)).view(-1, 1, 1, 1)
    height, width = pictures.shape[2:]
    y = ((torch.arange(height, device=pictures.device) + 0.5) / height).view(1, 1, -1, 1)
    x = ((torch.arange(width, device=pictures.device) + 0.5) / width).view(1, 1, 1, -1)
    far = settings.cutout / 2
    inside = ((y - centre[:, 0].view(-1, 1, 1, 1)).abs() < far) & ((x - centre[:, 1].view(-1, 1, 1, 1)).abs() < far)
    return pictures.masked_fill(inside & chosen, 0.0)
