"""Which pictures a step sees: a pure function of (seed, step), so that resuming and many processes change nothing."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from danqing.data.pictures import PictureSet
from danqing.errors import UsageError
from danqing.images.arrays import to_float, to_floats
from danqing.nn.chance import generator
from danqing.types import Batch


class Batches:
    """The endless run of epochs, each a permutation of its own, cut into batches.

    `batch` is the size over all processes; process `rank` of `world` gets its chunk of the rows. A batch may be larger
    than the set and may reach over the end of an epoch, so every picture is seen equally often.
    """

    def __init__(
        self,
        pictures: PictureSet,
        batch: int,
        seed: int,
        rank: int = 0,
        world: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        if batch < 1 or batch % world or not 0 <= rank < world:
            raise UsageError(f"A batch of {batch} cannot be shared by {world} processes; choose a multiple of {world}.")
        self.pictures, self.batch, self.seed = pictures, batch, seed
        self.rank, self.world, self.device = rank, world, torch.device(device)
        self._pixels = pictures.pixels.numpy()
        self._orders: dict[int, Tensor] = {}

    def at(self, step: int) -> Batch:
        """Batch of step 0, 1, 2, ...: pictures (B / world, C, H, W) float32 in [-1, 1], channels last."""
        rows = self.rows(step)
        labels = None if self.pictures.labels is None else self.pictures.labels[rows].to(self.device)
        return Batch(self._floats(self._pixels[rows.numpy()].transpose(0, 2, 3, 1)), labels)

    def _floats(self, pixels: np.ndarray) -> Tensor:
        """(B, H, W, C) uint8 -> (B, C, H, W) float32, channels last; an accelerator gets bytes and converts them."""
        if self.device.type == "cpu":
            return torch.from_numpy(to_floats(pixels)).permute(0, 3, 1, 2)
        return to_float(torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device)).permute(0, 3, 1, 2)

    def rows(self, step: int) -> Tensor:
        """(B / world,) int64: the rows of the set that this process sees at `step`."""
        share = self.batch // self.world
        place = step * self.batch + self.rank * share
        parts, count = [], len(self.pictures)
        while share > 0:
            epoch, begin = divmod(place, count)
            parts.append(self._order(epoch)[begin : begin + share])
            place, share = place + len(parts[-1]), share - len(parts[-1])
        return torch.cat(parts)

    def _order(self, epoch: int) -> Tensor:
        """The permutation of an epoch; the last two are remembered."""
        if epoch not in self._orders:
            self._orders = {old: order for old, order in self._orders.items() if old == epoch - 1}
            self._orders[epoch] = torch.randperm(len(self.pictures), generator=generator("order", self.seed, epoch))
        return self._orders[epoch]
