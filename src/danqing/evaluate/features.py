"""Pictures -> rows of numbers in which near means alike; a feature net is a named thing like any other:

    @feature_net("mine", dims=64)
    def mine(pictures): ...  # (B, C, H, W) float in [-1, 1] -> (B, 64)

The number of features may not depend on the size of the pictures.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from danqing.errors import BadInputError
from danqing.evaluate import judge
from danqing.evaluate.shipped import efficientnet_lite0, fashion_judge
from danqing.images.arrays import to_float, to_grey
from danqing.nn.efficientnet import DIMS, prepare
from danqing.registry import register

BATCH = 32
"""pictures that go through a net at once; few, so that they stay in the cache of a processor"""


@dataclass(frozen=True)
class FeatureNet:
    """Pictures (N, C, H, W), uint8 or float in [-1, 1], C = 1 or 3 -> features (N, dims) float32 on the CPU."""

    name: str
    dims: int
    embed: Callable[[Tensor], Tensor]
    """(B, C, H, W) float in [-1, 1] -> (B, dims)"""
    title: str
    """one line for people"""

    def __call__(self, pictures: Tensor, batch: int = BATCH) -> Tensor:
        features = in_batches(self.embed, pictures, batch)
        if not features.isfinite().all():
            raise BadInputError(f"Some pictures have no finite features in '{self.name}'; look for NaN in them.")
        return features


def feature_net(name: str, dims: int) -> Callable[[Callable[[Tensor], Tensor]], FeatureNet]:
    """Decorator that files a function of a batch of pictures as a feature net; its docstring becomes the title."""

    def file(embed: Callable[[Tensor], Tensor]) -> FeatureNet:
        title = (embed.__doc__ or name).strip().splitlines()[0]
        return register("features", name)(FeatureNet(name, dims, embed, title))

    return file


@torch.no_grad()
def in_batches(embed: Callable[[Tensor], Tensor], pictures: Tensor, batch: int = BATCH) -> Tensor:
    """(N, C, H, W) uint8 or float in [-1, 1] -> (N, D) float32, `batch` pictures at a time."""
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or not len(pictures):
        raise BadInputError(f"Pictures of shape {tuple(pictures.shape)} came; give (N, 1 or 3, H, W) with N > 0.")
    parts = (part if part.is_floating_point() else to_float(part) for part in pictures.split(batch))
    return torch.cat([embed(part.float().cpu()) for part in parts])


@feature_net("effl0", dims=DIMS)
def effl0(pictures: Tensor) -> Tensor:
    """EfficientNet-Lite0 (ImageNet) at 128 pixels, pooled: for any pictures, best for photos and clip-art."""
    return efficientnet_lite0().pooled(prepare(pictures).contiguous(memory_format=torch.channels_last))


@feature_net("fmnist", dims=judge.WIDTHS[-1])
def fmnist(pictures: Tensor) -> Tensor:
    """The fashion judge's last hidden layer at 28 pixels, grey: for Fashion-MNIST only."""
    return fashion_judge().features(grey28(pictures))


def classify(pictures: Tensor) -> Tensor:
    """The fashion judge's answers: (N, C, H, W) uint8 or float in [-1, 1] -> (N, 10) logits."""
    return in_batches(lambda part: fashion_judge().classify(grey28(part)), pictures)


def grey28(pictures: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] -> (N, 1, 28, 28) in [-1, 1], as the judge knows pictures."""
    grey, side = to_grey(pictures), judge.SIZE
    return grey if grey.shape[2:] == (side, side) else interpolate(grey, (side, side), mode="bilinear", antialias=True)


@torch.no_grad()
def manners(pictures: Tensor, batch: int = BATCH) -> Tensor:
    """How pictures are made, not what they show: mean and deviation of each channel of five layers of that net.

    (N, 1 or 3, H, W) uint8 or float in [-1, 1] -> (N, 2048).
    """

    def embed(part: Tensor) -> Tensor:
        layers = efficientnet_lite0()(prepare(part).contiguous(memory_format=torch.channels_last))
        return torch.cat([torch.cat([h.mean((2, 3)), h.std((2, 3))], 1) for h in layers], 1)

    return in_batches(embed, pictures, batch)
