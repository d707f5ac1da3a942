"""What every peer's quality run shares: options, the CPU-time budget, saving."""

import argparse
import json
import platform
import resource
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from .data import DEBIAN_IDX

CORES, THREADS = 2, 1
"""The budget is the CPU time of two cores; it is spent on one thread, because two threads that wait for each other on a
busy machine burn CPU time without training."""


def parse(description: str, samples: int = 5000) -> argparse.ArgumentParser:
    """Options that every peer script takes."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--minutes", type=float, default=10.0, help=f"training budget, on {CORES} cores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--idx", default=DEBIAN_IDX, help="folder with the Fashion-MNIST *-ubyte.gz files")
    parser.add_argument("--out", required=True, help="the .npz file to write")
    parser.add_argument("--samples", type=int, default=samples, help="pictures to sample after training")
    return parser


def start(seed: int) -> None:
    """Fix the thread count and the seeds."""
    torch.set_num_threads(THREADS)
    torch.manual_seed(seed)
    np.random.seed(seed)


def note(text: str) -> None:
    """Say something about progress on stderr."""
    print(text, file=sys.stderr, flush=True)


class Budget:
    """Training time, counted as CPU time of this process so that a busy machine does not shorten the training."""

    def __init__(self, minutes: float) -> None:
        self.limit = minutes * 60 * CORES
        self._cpu = time.process_time()
        self._wall = time.perf_counter()
        self._last_note = self._wall

    def over(self, progress: str = "") -> bool:
        """Whether the budget is used up; reports progress about twice a minute."""
        now = time.perf_counter()
        if now - self._last_note > 30:
            self._last_note = now
            note(f"{self.cpu_seconds():.0f} of {self.limit:.0f} CPU seconds {progress}")
        return self.cpu_seconds() >= self.limit

    def cpu_seconds(self) -> float:
        """CPU seconds since the start."""
        return time.process_time() - self._cpu

    def spent(self) -> dict[str, float]:
        """CPU and wall seconds so far, for the record."""
        return {"cpu_seconds": round(self.cpu_seconds(), 1), "wall_seconds": round(time.perf_counter() - self._wall, 1)}


def parameters(*modules: torch.nn.Module) -> int:
    """Number of trained parameters."""
    return sum(weight.numel() for module in modules for weight in module.parameters())


def to_bytes(pictures: torch.Tensor) -> np.ndarray:
    """Pictures (N, 1, H, W) in 0..1 as uint8 (N, H, W)."""
    return pictures.squeeze(1).clamp(0, 1).mul(255).round().to(torch.uint8).numpy()


def common_meta(peer: str, package: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """The part of the record that every peer fills alike."""
    return {
        "peer": peer,
        "version": version(package),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "threads": THREADS,
        "seed": arguments.seed,
        "minutes": arguments.minutes,
    }


def save(path: str, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
    """Write the sheets and at last the .npz, each by renaming a finished file; print the record."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    meta["peak_rss_mb"] = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)
    for name, pictures in arrays.items():
        suffix = "" if name == "pictures" else "." + name
        _sheet(pictures, target.with_name(target.stem + suffix + ".png"))
    partial = target.with_name(target.name + ".partial")
    with partial.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, meta=np.array(json.dumps(meta)), **arrays)
    partial.replace(target)
    print(json.dumps(meta))


def _sheet(pictures: np.ndarray, path: Path, side: int = 8, scale: int = 3) -> None:
    """The first side x side pictures as one enlarged PNG."""
    height, width = pictures.shape[1:]
    rows = pictures[: side * side].reshape(side, side, height, width).transpose(0, 2, 1, 3)
    sheet = rows.reshape(side * height, side * width).repeat(scale, 0).repeat(scale, 1)
    partial = path.with_name(path.name + ".partial")
    Image.fromarray(sheet).save(partial, format="png")
    partial.replace(path)
