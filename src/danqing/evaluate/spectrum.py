"""How sharp are pictures? Their mean power by frequency: of the fine one blurred pictures lack, speckled abound."""

import torch
from torch import Tensor

from danqing.images.arrays import to_float, to_grey

FINE = 0.5
"""of the highest frequency: above it lies what the eye calls sharpness"""


def radial_power(pictures: Tensor, batch: int = 256) -> Tensor:
    """(N, C, S, S) uint8 -> (S // 2,): logarithm of the brightness's mean power in rings of frequency 1 .. S / 2.

    A Hann window keeps the frame from counting as detail.
    """
    side = pictures.shape[-1]
    window = torch.hann_window(side, periodic=False)
    ring = frequencies(side).round().long()
    total, count = torch.zeros(int(ring.max()) + 1), ring.flatten().bincount()
    for part in pictures.split(batch):
        grey = to_grey(to_float(part))[:, 0]
        grey = (grey - grey.mean((1, 2), keepdim=True)) * window * window[:, None]
        power = torch.fft.fft2(grey).abs().square().mean(0)
        total.index_add_(0, ring.flatten(), power.flatten(), alpha=len(part) / len(pictures))
    return (total / count + 1e-12).log()[1 : side // 2 + 1]


def frequencies(side: int) -> Tensor:
    """(S, S): waves per picture at each place of a Fourier transform."""
    one = torch.fft.fftfreq(side) * side
    return (one[:, None].square() + one.square()).sqrt()


def sharpness(made: Tensor, real: Tensor) -> float:
    """Fine power of made pictures in units of real ones', from logarithms (S // 2,): 1 alike, below 1 soft."""
    fine = slice(int(len(real) * FINE), None)
    return float((made[fine].mean() - real[fine].mean()).exp())
