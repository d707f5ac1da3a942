"""From the painter's own size to the size asked for, by the network that has learned how large drawings look."""

import numpy as np

from danqing.families.text2image.upscaling import enlarge as enlarged

WRAP = 8
"""pixels of the other side that are laid around a tile, so that its edges still meet"""


def enlarge(rgba: np.ndarray, size: tuple[int, int], tile: bool = False) -> np.ndarray:
    """(H, W, 4) uint8 premultiplied at another (width, height), larger or smaller."""
    if not tile or (rgba.shape[1], rgba.shape[0]) == size:
        return enlarged(rgba, size)
    (height, width), (wide, high) = rgba.shape[:2], size
    around = np.pad(rgba, ((WRAP, WRAP), (WRAP, WRAP), (0, 0)), mode="wrap")
    left, top = round(WRAP * wide / width), round(WRAP * high / height)
    return enlarged(around, (wide + 2 * left, high + 2 * top))[top : top + high, left : left + wide]
