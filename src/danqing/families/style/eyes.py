"""VGG-19 as the eyes of style transfer: each layer in units of its own mean activation.

Activations of the original net grow from 40 to 1,200 and fall again, so losses of different layers could not be
compared. Gatys et al. scale each filter to a mean activation of 1 over photos (arXiv 1508.06576, 'Methods'); because a
ReLU net is homogeneous, dividing the outputs does the same. BRIGHTNESS was measured by scripts/measure_vgg19.py.
"""

from collections.abc import Iterable, Mapping

from torch import Tensor, channels_last, nn

from danqing.nn.vgg import VGG19, down_to

BRIGHTNESS: Mapping[str, float] = {
    "conv1_1": 22.5,
    "conv1_2": 103.0,
    "conv2_1": 119.6,
    "conv2_2": 104.5,
    "conv3_1": 119.9,
    "conv3_2": 153.7,
    "conv3_3": 323.2,
    "conv3_4": 458.9,
    "conv4_1": 484.5,
    "conv4_2": 315.7,
    "conv4_3": 175.5,
    "conv4_4": 41.9,
    "conv5_1": 46.5,
}
"""mean activation of each layer over 48 photos at 256 px"""
REACH = {"conv1": 2, "conv2": 8, "conv3": 24, "conv4": 72, "conv5": 136}
"""how many pixels around a place its features depend on, at most, by block"""


class Eyes(nn.Module):
    """eyes(picture, layers) -> {layer: (C, h, w)}, of one picture (3, H, W) in [-1, 1]."""

    def __init__(self, net: VGG19, pooling: str = "max") -> None:
        super().__init__()
        self.net, self.pooling = net.requires_grad_(False), pooling

    def forward(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        return {name: h[0] for name, h in self.many(picture[None], layers).items()}

    def many(self, pictures: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """layer -> (B, C, h, w) of pictures (B, 3, H, W)."""
        found = self.net(pictures.contiguous(memory_format=channels_last), layers, self.pooling)
        return {name: h / BRIGHTNESS[name] for name, h in found.items()}


def reach(layers: Iterable[str]) -> int:
    """Pixels around a place that the deepest of the layers looks at."""
    return REACH[down_to(layers).split("_")[0]]


def stride(layer: str) -> int:
    """Pixels between two places of a layer."""
    return 2 ** (int(layer[4]) - 1)
