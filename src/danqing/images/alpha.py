"""Transparency: straight alpha (files) and premultiplied alpha (models), drawings on paper, over white."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageFilter

FAINT = 4
"""an alpha of a painted picture below this is nothing, above 255 less this is whole"""
AROUND = 5
"""pixels, a side of the neighbourhood whose alpha bounds a steeper edge"""
PAPER = 248
"""red, green and blue of at least this count as white paper"""


def premultiplied(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 straight -> (r a, g a, b a, a) uint8; what is transparent becomes zero."""
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return np.concatenate([np.rint(rgba[..., :3] * alpha).astype(np.uint8), rgba[..., 3:]], axis=2)


def straight(rgba: np.ndarray) -> np.ndarray:
    """Undo `premultiplied`, as far as eight bits allow."""
    alpha = rgba[..., 3:].astype(np.float32)
    colours = np.rint(rgba[..., :3] * (255 / np.maximum(alpha, 1)))
    return np.concatenate([np.minimum(colours, 255).astype(np.uint8), rgba[..., 3:]], axis=2)


def over_white(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 premultiplied -> (H, W, 3) uint8."""
    return np.minimum(rgba[..., :3].astype(np.int16) + 255 - rgba[..., 3:], 255).astype(np.uint8)


def flat(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 4) uint8 straight -> (H, W, 3) over white, to the last bit as `images.read` gives it."""
    paper = Image.new("RGBA", (rgba.shape[1], rgba.shape[0]), "white")
    return np.array(Image.alpha_composite(paper, Image.fromarray(np.ascontiguousarray(rgba))).convert("RGB"))


def tidied(rgba: np.ndarray) -> np.ndarray:
    """Premultiplied, with nearly nothing made nothing, nearly whole made whole, and no colour above its alpha."""
    alpha = rgba[..., 3:]
    alpha = np.where(alpha < FAINT, 0, np.where(alpha > 255 - FAINT, 255, alpha)).astype(np.uint8)
    return np.concatenate([np.minimum(rgba[..., :3], alpha), alpha], axis=2)


def resized(rgba: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Premultiplied (H, W, 4) uint8 at another (width, height), by Lanczos; colours stay below their alpha."""
    if (rgba.shape[1], rgba.shape[0]) == size:
        return rgba
    planes = [Image.fromarray(np.ascontiguousarray(rgba[..., i])) for i in range(4)]
    made = [np.asarray(plane.resize(size, Image.Resampling.LANCZOS)) for plane in planes]
    colours, alpha = np.stack(made[:3], axis=2), made[3][..., None]
    return np.concatenate([np.minimum(colours, alpha), alpha], axis=2)


def softened(rgba: np.ndarray, sigma: float, wrap: bool = False) -> np.ndarray:
    """Premultiplied (H, W, 4) uint8 under a Gaussian of `sigma` pixels; past its edges it goes on, or begins again."""
    reach = math.ceil(3 * sigma)
    taps = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    made = np.pad(rgba, ((reach, reach), (reach, reach), (0, 0)), mode="wrap" if wrap else "edge").astype(np.float64)
    for axis in (0, 1):
        made = np.lib.stride_tricks.sliding_window_view(made, len(taps), axis) @ (taps / taps.sum())
    return np.rint(made).astype(np.uint8)


def thin(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 1) in 0 .. 1: how much a pixel belongs to a line or gap of less than 3 pixels (top-hat transform, Serra
    1982, of each plane and of its inverse)."""
    found = np.zeros((*rgba.shape[:2], 1))
    for number in range(rgba.shape[2]):
        plane = Image.fromarray(np.ascontiguousarray(rgba[..., number]))
        opened = plane.filter(ImageFilter.MinFilter(3)).filter(ImageFilter.MaxFilter(3))
        closed = plane.filter(ImageFilter.MaxFilter(3)).filter(ImageFilter.MinFilter(3))
        lost = np.asarray(closed, np.float64) - np.asarray(opened)
        found = np.maximum(found, np.minimum(1, 2 * lost / 255)[..., None])
    return found


def steepened(rgba: np.ndarray, small: np.ndarray) -> np.ndarray:
    """Premultiplied, enlarged from `small`: edges of the alpha twice as steep, between the least and the most that
    `small` has around; what is half transparent there stays so."""
    size = rgba.shape[1], rgba.shape[0]
    plane = Image.fromarray(np.ascontiguousarray(small[..., 3]))
    least, most = (
        np.asarray(plane.filter(of(AROUND)).resize(size, Image.Resampling.BILINEAR), np.float64)
        for of in (ImageFilter.MinFilter, ImageFilter.MaxFilter)
    )
    alpha = rgba[..., 3].astype(np.float64)
    steep = np.rint(np.clip(2 * alpha - (least + most) / 2, least, most))
    colours = np.minimum(rgba[..., :3] * (steep / np.maximum(alpha, 1))[..., None], steep[..., None])
    return np.concatenate([np.rint(colours), steep[..., None]], axis=2).astype(np.uint8)


def lifted(rgba: np.ndarray) -> np.ndarray:
    """A drawing on white paper, without the paper; other pictures come back as they are. Premultiplied.

    Only an opaque picture whose whole rim is white counts as one; what is white and connected with the rim goes.
    """
    white: np.ndarray = np.all(rgba >= PAPER, axis=2)
    rim = (white[0], white[-1], white[:, 0], white[:, -1])
    if not (rgba[..., 3] == 255).all() or not all(edge.all() for edge in rim):
        return rgba
    return np.where(from_rim(white)[..., None], 0, rgba).astype(np.uint8)


def from_rim(free: np.ndarray) -> np.ndarray:
    """(H, W) bool: which of the free places can be reached from the rim, by steps to the side."""
    reached = np.zeros_like(free)
    reached[[0, -1]], reached[:, [0, -1]] = free[[0, -1]], free[:, [0, -1]]
    count = -1
    while count != (count := int(reached.sum())):
        for axis in (0, 1):
            reached = _swept(reached, free, axis)
    return reached


def _swept(reached: np.ndarray, free: np.ndarray, axis: int) -> np.ndarray:
    """What lies in the same free stretch of its row or column as something reached."""
    free, reached = np.moveaxis(free, axis, -1), np.moveaxis(reached, axis, -1)
    stretch = np.cumsum(~free, axis=-1) + np.arange(len(free))[:, None] * (free.shape[1] + 1)
    hit = np.zeros(len(free) * (free.shape[1] + 1), bool)
    hit[stretch[reached]] = True
    return np.moveaxis(free & hit[stretch], -1, axis)
