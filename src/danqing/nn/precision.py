"""Which number format is fast here: measured, not guessed.

bf16 products were 6 times faster than fp32 with AMX, 2 to 4 times with AVX512-BF16, 400 times slower with neither.
"""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn

from danqing.errors import UsageError

PRECISIONS = ("auto", "fp32", "bf16")
HOPELESS = 20
"""times slower in small things; beside other programs it is 4 to 10 even where it is faster in large ones"""


@cache
def measured(device: str = "cpu") -> dict[str, float]:
    """Seconds for the same convolution, forward and backward, by precision. Takes under half a second on most machines.

    The small one finds out where bf16 is hopeless; in it the calls weigh more than the products, so that the large one
    has the last word elsewhere.
    """
    small = _compared(32, 4, device)
    return small if small["bf16"] > HOPELESS * small["fp32"] else _compared(128, 16, device)


def choose(wish: str, device: str = "cpu") -> str:
    """'fp32' or 'bf16'; 'auto' takes bf16 where it is at least 1.3 times faster."""
    if wish not in PRECISIONS:
        raise UsageError(f"precision = '{wish}' is not allowed; use one of {', '.join(PRECISIONS)}.")
    if wish != "auto":
        return wish
    seconds = measured(device)
    return "bf16" if seconds["bf16"] * 1.3 < seconds["fp32"] else "fp32"


def painting(device: str = "cpu") -> str:
    """What pictures are painted in: by what the processor can, not by the clock, for one machine has to give the same
    bytes every time. DANQING_PRECISION = fp32 or bf16 in the environment says otherwise."""
    wish = os.environ.get("DANQING_PRECISION", "auto")
    if wish not in PRECISIONS:
        raise UsageError(f"DANQING_PRECISION = '{wish}' is not allowed; use one of {', '.join(PRECISIONS)}.")
    return wish if wish != "auto" else "bf16" if bf16_in_hardware(device) else "fp32"


def painting_type(device: str = "cpu") -> torch.dtype:
    """The same for a network that computes in the type of what it is given."""
    return torch.bfloat16 if painting(device) == "bf16" else torch.float32


@cache
def bf16_in_hardware(device: str) -> bool:
    """Whether the processor multiplies bf16 itself: AVX512-BF16, AMX, or a GPU since Ampere."""
    if torch.device(device).type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    has = (getattr(torch.cpu, f"_is_{name}_supported", bool) for name in ("avx512_bf16", "amx_tile"))
    return any(one() for one in has)


@contextmanager
def arithmetic(precision: str, device: torch.device | str = "cpu") -> Iterator[None]:
    """fp32 weights, products in `precision`."""
    with torch.autocast(torch.device(device).type, dtype=torch.bfloat16, enabled=precision == "bf16"):
        yield


def best_device() -> str:
    """'cuda' where there is one, else 'cpu'."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _compared(width: int, batch: int, device: str) -> dict[str, float]:
    formats = {"fp32": torch.float32, "bf16": torch.bfloat16}
    return {name: _seconds(dtype, width, batch, device) for name, dtype in formats.items()}


def _seconds(dtype: torch.dtype, width: int, batch: int, device: str) -> float:
    layer = nn.Conv2d(width, width, 3, padding=1, device=device)
    x = torch.zeros(batch, width, 16, 16, device=device).to(memory_format=torch.channels_last)
    best = float("inf")
    deadline = time.perf_counter() + 0.1
    for number in range(8):
        begin = time.perf_counter()
        with torch.autocast(torch.device(device).type, dtype=dtype, enabled=dtype != torch.float32):
            layer(x).sum().backward()
        if x.is_cuda:
            torch.cuda.synchronize(x.device)
        best = min(best, time.perf_counter() - begin)
        if number >= 2 and time.perf_counter() > deadline:  # the first makes ready, and something may come between
            break
    return best
