"""Pictures of one size already -> the size and channels that are wanted."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from danqing.data.pictures import PictureSet, check_memory, with_card
from danqing.data.wanted import USUAL_SIZE, Wanted
from danqing.images.arrays import to_grey, to_rgb
from danqing.images.resizing import fit_square


def fitted(pictures: PictureSet, wanted: Wanted) -> PictureSet:
    """The same pictures in the wanted size and channels; the same object when they are so already."""
    pixels = channelled(resized(pictures.pixels, wanted), wanted.channels)
    return pictures if pixels is pictures.pixels else with_card(pixels, pictures.labels, pictures.card)


def channelled(pixels: Tensor, channels: int | None) -> Tensor:
    """(N, C, H, W) uint8 with `channels`; None: 1 when every picture is grey, else as it came."""
    if channels == 3 and pixels.shape[1] == 1:
        return to_rgb(pixels).contiguous()
    if channels == 1 and pixels.shape[1] == 3:
        return to_grey(pixels)
    if channels is None and pixels.shape[1] == 3 and _all_grey(pixels):
        return pixels[:, :1].contiguous()
    return pixels


def resized(pixels: Tensor, wanted: Wanted) -> Tensor:
    """(N, C, H, W) uint8 -> (N, C, S, S)."""
    count, channels, height, width = pixels.shape
    size = wanted.size or common_size({(width, height)}, wanted)
    if height == width == size:
        return pixels
    check_memory(count, channels, size)
    out = torch.empty(count, channels, size, size, dtype=torch.uint8)
    rows, made = pixels.permute(0, 2, 3, 1).numpy(), out.permute(0, 2, 3, 1).numpy()
    for row in range(count):  # one thread: for pictures as small as these, more only wait for each other
        made[row] = fit_square(np.ascontiguousarray(rows[row]), size, wanted.fit, wanted.background)
    return out


def common_size(sizes: set[tuple[int, int]], wanted: Wanted) -> int:
    """The side that all pictures share, or USUAL_SIZE with a word about it. `sizes` are (width, height)."""
    if len(sizes) == 1:
        width, height = next(iter(sizes))
        if width == height:
            return width
    wanted.tell(0.0, f"The pictures are not all square and of one size, so they become {USUAL_SIZE} x {USUAL_SIZE}.")
    return USUAL_SIZE


def _all_grey(pixels: Tensor) -> bool:
    return all(bool((some[:, 1:] == some[:, :1]).all()) for some in torch.split(pixels, 64))
