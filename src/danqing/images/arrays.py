"""Between 0..255 and -1..1, and between grey and colour, for tensors."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from danqing.errors import UsageError

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601 weights of red, green and blue, as Pillow uses them for 'L'"""


def to_float(pixels: Tensor) -> Tensor:
    """uint8 (N, C, H, W) in 0..255 -> float32 of the same shape in [-1, 1]."""
    if pixels.dtype != torch.uint8:
        raise UsageError(f"Pixels of type {pixels.dtype} came; give uint8 in 0..255.")
    return pixels.to(torch.float32).div_(127.5).sub_(1.0)


def to_floats(pixels: np.ndarray) -> np.ndarray:
    """`to_float` for an array of any strides: float32, C-contiguous, bit for bit the same.

    It takes one thread. On a busy machine PyTorch's threads wait longer for each other than this takes.
    """
    floats = pixels.astype(np.float32, order="C")
    floats /= np.float32(127.5)
    floats -= np.float32(1.0)
    return floats


def to_uint8(pictures: Tensor) -> Tensor:
    """float (N, C, H, W) in [-1, 1] (clamped) -> uint8 in 0..255, rounded; undoes `to_float` exactly."""
    if not pictures.is_floating_point():
        raise UsageError(f"Pictures of type {pictures.dtype} came; give floats in [-1, 1].")
    scaled = pictures.detach().to(torch.float32).add(1.0).mul_(127.5)
    return scaled.clamp_(0.0, 255.0).round_().to(torch.uint8)


def to_grey(pictures: Tensor) -> Tensor:
    """(N, 3, H, W) -> (N, 1, H, W) by BT.601 luma, uint8 or float; a grey picture comes back as it is."""
    if pictures.shape[1] == 1:
        return pictures
    weights = pictures.new_tensor(LUMA, dtype=torch.float32).view(1, 3, 1, 1)
    grey = (pictures.float() * weights).sum(1, keepdim=True)
    return grey.round().to(torch.uint8) if pictures.dtype == torch.uint8 else grey.to(pictures.dtype)


def to_rgb(pictures: Tensor) -> Tensor:
    """(N, 1, H, W) -> (N, 3, H, W) with three equal channels (a view); a colour picture comes back as it is."""
    return pictures.expand(-1, 3, -1, -1) if pictures.shape[1] == 1 else pictures


def to_arrays(pictures: Tensor) -> Tensor:
    """float (N, C, H, W) in [-1, 1] -> uint8 (N, H, W, 3) on the CPU, ready for Pillow and `types.Picture`."""
    return to_rgb(to_uint8(pictures)).permute(0, 2, 3, 1).contiguous().cpu()
