"""Fashion-MNIST from IDX files, and endless shuffled batches."""

import gzip
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

DEBIAN_IDX = "/usr/share/datasets/fashion-mnist"


def load_pictures(folder: str, split: str = "train") -> torch.Tensor:
    """Read one split ("train" or "t10k") as a uint8 tensor (N, 1, 28, 28)."""
    raw = gzip.decompress((Path(folder) / f"{split}-images-idx3-ubyte.gz").read_bytes())
    magic, count, height, width = np.frombuffer(raw, ">i4", 4)
    if magic != 2051:
        raise ValueError(f"not an IDX picture file: magic number {magic}")
    pixels = np.frombuffer(raw, np.uint8, offset=16).reshape(count, 1, height, width)
    return torch.from_numpy(pixels.copy())


def batches(pictures: torch.Tensor, size: int) -> Iterator[torch.Tensor]:
    """Yield shuffled full batches without end, each picture once per pass."""
    while True:
        order = torch.randperm(len(pictures))
        for start in range(0, len(pictures) - size + 1, size):
            yield pictures[order[start : start + size]]
