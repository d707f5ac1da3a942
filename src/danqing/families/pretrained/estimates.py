"""What of the well-known models will run here, and how long a picture takes: by counted work and a measured pace."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch
from torch import nn

from danqing.families.pretrained.opening import DTYPES, ROOM

REACHED = 0.5
"""share of the pace of one large convolution that whole pictures reach: 0.53 in bf16 and 0.51 in fp32 with a model of
SD-Turbo's size at 512 px (docs/benchmarks.md)"""


@dataclass(frozen=True)
class Known:
    """A model at its usual settings; the work is counted, the parameters are published."""

    name: str
    side: int
    passes: int
    """of the denoiser: steps, twice where guidance asks twice"""
    parameters: float
    """in thousand millions, all networks"""
    each: float
    """thousand millions of operations in one pass"""
    decoder: float


KNOWN = (
    Known("SD-Turbo", 512, 1, 1.29, 804, 2515),
    Known("Stable Diffusion 1.5, 20 steps", 512, 40, 1.07, 803, 2515),
    Known("SDXL-Turbo", 512, 1, 3.47, 1589, 2515),
    Known("SDXL, 28 steps", 1024, 56, 3.47, 6761, 10060),
)


@dataclass(frozen=True)
class Estimate:
    name: str
    gigabytes: float
    fits: bool
    seconds: float
    """for one picture, the model being loaded"""


def estimates(precision: str, free: float | None, device: str = "cpu") -> list[Estimate]:
    """`free`: bytes of memory; None where the system does not say, and all are taken to fit."""
    speed = REACHED * pace(precision, device)
    found = []
    for one in KNOWN:
        needed = one.parameters * DTYPES[precision].itemsize * ROOM
        seconds = (one.passes * one.each + one.decoder) * 1e9 / speed
        found.append(Estimate(one.name, needed, free is None or needed * 1e9 < free, seconds))
    return found


@torch.no_grad()
def pace(precision: str, device: str) -> float:
    """Operations a second of a 3 x 3 convolution of 320 channels on 64 x 64 places, the best of four."""
    layer = nn.Conv2d(320, 320, 3, padding=1, device=device, dtype=DTYPES[precision])
    x = torch.zeros(1, 320, 64, 64, device=device, dtype=DTYPES[precision])
    layer, x = layer.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        layer(x)
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        best = min(best, time.perf_counter() - began)
    return 2 * 320 * 320 * 9 * 64 * 64 / best
