"""From the painter's own size to the size asked for, by the network that has learned how large drawings look."""

import numpy as np

from danqing.families.text2image.upscaling import enlarge as enlarged
from danqing.images.alpha import softened, steepened, thin

WRAP = 8
"""pixels of the other side that are laid around a tile, so that its edges still meet"""
SOFT = 1.3
"""pixels, where a picture becomes four times as large or larger"""
LEAST_SOFT = 0.3
"""pixels; less changes nothing that is seen"""


def enlarge_painted(rgba: np.ndarray, size: tuple[int, int], tile: bool = False) -> np.ndarray:
    """As `enlarge`, for what the painter has painted.

    Its edges climb in stairs of a pixel, which the network, knowing drawings alone, would take for the shape. So they
    are softened away first, but for thin lines, and the outline is made crisp again when it is large.
    """
    factor = min(size[0] / rgba.shape[1], size[1] / rgba.shape[0])
    sigma = SOFT * min(1.0, (1 - 1 / factor) / (1 - 1 / 4))
    if sigma < LEAST_SOFT:
        return enlarge(rgba, size, tile)
    kept = thin(rgba)
    soft = np.rint(kept * rgba + (1 - kept) * softened(rgba, sigma, tile)).astype(np.uint8)
    return steepened(enlarge(soft, size, tile), rgba)


def enlarge(rgba: np.ndarray, size: tuple[int, int], tile: bool = False) -> np.ndarray:
    """(H, W, 4) uint8 premultiplied at another (width, height), larger or smaller."""
    if not tile or (rgba.shape[1], rgba.shape[0]) == size:
        return enlarged(rgba, size)
    (height, width), (wide, high) = rgba.shape[:2], size
    around = np.pad(rgba, ((WRAP, WRAP), (WRAP, WRAP), (0, 0)), mode="wrap")
    left, top = round(WRAP * wide / width), round(WRAP * high / height)
    return enlarged(around, (wide + 2 * left, high + 2 * top))[top : top + high, left : left + wide]
