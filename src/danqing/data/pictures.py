"""A data set in memory: all pictures as one uint8 tensor, their labels, and the card that says where they came from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import Tensor

from danqing.errors import BadInputError
from danqing.types import DataCard


@dataclass(frozen=True, eq=False)
class PictureSet:
    """N pictures of one size."""

    pixels: Tensor
    """(N, C, H, W) uint8, C is 1 or 3, H == W"""
    labels: Tensor | None
    """(N,) int64 in 0 .. len(card.labels) - 1, or None"""
    card: DataCard

    def __len__(self) -> int:
        return len(self.pixels)

    def take(self, indices: Tensor | Sequence[int]) -> PictureSet:
        """The pictures at `indices` (int64), in that order; the card counts and hashes anew."""
        rows = torch.as_tensor(indices, dtype=torch.int64)
        labels = None if self.labels is None else self.labels[rows]
        return with_card(self.pixels[rows], labels, self.card)


@dataclass(frozen=True)
class Origin:
    """What is known of a set beyond its pixels; becomes its card."""

    name: str
    source: str
    licence: str = "unknown"
    labels: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)


def picture_set(pixels: Tensor, labels: Tensor | None, origin: Origin) -> PictureSet:
    """(N, C, H, W) uint8 and (N,) int64 or None, with a card made for them."""
    card = DataCard(
        origin.name, origin.source, origin.licence, 0, "", 0, 0, origin.labels, left_out=dict(origin.left_out)
    )
    return with_card(pixels, labels, card)


def with_card(pixels: Tensor, labels: Tensor | None, card: DataCard) -> PictureSet:
    """The set whose card is `card` with count, size, channels and hash as the pixels are."""
    count, channels, size = pixels.shape[:3]
    card = replace(card, count=count, channels=channels, size=size, sha256=content_sha256(pixels, labels))
    return PictureSet(pixels, labels, card)


def content_sha256(pixels: Tensor, labels: Tensor | None) -> str:
    """sha256 over shape, pixels and labels."""
    digest = hashlib.sha256(str(tuple(pixels.shape)).encode())
    digest.update(pixels.contiguous().numpy().data)
    if labels is not None:
        digest.update(labels.contiguous().numpy().data)
    return digest.hexdigest()


def check_memory(count: int, channels: int, size: int) -> None:
    """BadInputError when N x C x H x W bytes are more than half of the memory that is free."""
    needed, free = count * channels * size * size, free_memory()
    if free is not None and needed > free // 2:
        raise BadInputError(
            f"{count} pictures of {size} x {size} x {channels} need {needed / 1e9:.1f} GB and half of the free memory "
            f"is {free / 2e9:.1f} GB; choose a smaller size or fewer pictures."
        )


def free_memory() -> int | None:
    """Bytes that can be used without swapping, a container's limit included; None where the system does not say."""
    known = [amount for amount in (_system_memory(), _container_memory()) if amount is not None]
    return min(known, default=None)


def _system_memory(where: Path = Path("/proc/meminfo")) -> int | None:
    try:
        lines = where.read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def _container_memory(where: Path = Path("/sys/fs/cgroup")) -> int | None:
    try:
        limit, used = (int((where / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):
        return None
    return max(0, limit - used)
