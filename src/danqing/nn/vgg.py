"""VGG-19 up to conv5_1: what its layers see in a picture; for style, for perceptual losses and for judging.

Simonyan and Zisserman 2014 (arXiv 1409.1556), table 1, column E. The weights are the authors' own, of 2014 (other
trainings of the same net give other styles), so it wants what their Caffe net wanted; `caffe_range` sees to that.
"""

from collections.abc import Callable, Iterable, Mapping

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, max_pool2d, relu

from danqing.errors import BadInputError, UsageError, unknown

BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 1))
"""(channels, convolutions) of each block; between two blocks the side is halved"""
LAYERS = {
    f"conv{block}_{number}": width for block, (width, count) in enumerate(BLOCKS, 1) for number in range(1, count + 1)
}
"""layer, named as in the paper -> its channels, in the order of the net"""
POOLINGS: Mapping[str, Callable[[Tensor, int], Tensor]] = {"max": max_pool2d, "average": avg_pool2d}
"""'max' as it was trained; 'average' gives smoother gradients (Gatys et al. 2015, arXiv 1508.06576, 'Methods')"""
MEANS = (103.939, 116.779, 123.68)
"""mean blue, green and red of the training photos in 0 .. 255"""


def caffe_range(x: Tensor) -> Tensor:
    """RGB (N, 3, H, W) in [-1, 1] -> BGR in 0 .. 255 less MEANS."""
    shift = x.new_tensor([127.5 - mean for mean in MEANS]).view(1, 3, 1, 1)
    return x.flip(1) * 127.5 + shift


def down_to(layers: Iterable[str]) -> str:
    """The deepest of some layers; NotFoundError, with near names, where one does not exist.

    >>> down_to(["conv3_1", "conv1_2"])
    'conv3_1'
    """
    order, asked = list(LAYERS), list(layers)
    for name in asked:
        if name not in LAYERS:
            raise unknown("layer of VGG-19", name, LAYERS)
    if not asked:
        raise UsageError("No layer of VGG-19 was asked for; name at least one.")
    return max(asked, key=order.index)


class VGG19(nn.Module):
    """12.9 million weights. Pictures are (N, 3, H, W) in [-1, 1]; odd sides lose their last row when halved."""

    def __init__(self) -> None:
        super().__init__()
        c_in = 3
        for name, width in LAYERS.items():
            self.add_module(name, nn.Conv2d(c_in, width, 3, padding=1))
            c_in = width

    def forward(self, x: Tensor, layers: Iterable[str] = tuple(LAYERS), pooling: str = "max") -> dict[str, Tensor]:
        """(N, 3, H, W) in [-1, 1] -> the asked layers after their ReLU, in the order of the net.

        convB_i is (N, LAYERS[convB_i], H >> (B - 1), W >> (B - 1)), >= 0. Nothing below the deepest is computed.
        """
        asked = frozenset(layers)
        last = down_to(asked)
        check(x, last)
        if pooling not in POOLINGS:
            raise unknown("pooling", pooling, POOLINGS)
        found: dict[str, Tensor] = {}
        h = caffe_range(x)
        for name in LAYERS:
            if name.endswith("_1") and name != "conv1_1":
                h = POOLINGS[pooling](h, 2)
            h = relu(self.get_submodule(name)(h))
            if name in asked:
                found[name] = h
            if name == last:
                break
        return found


def check(x: Tensor, last: str) -> None:
    """BadInputError unless x is (N, 3, H, W) and large enough for the layer."""
    least = 2 ** (int(last[4]) - 1)
    if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < least:
        raise BadInputError(
            f"Pictures of shape {tuple(x.shape)} came; {last} of VGG-19 takes (N, 3, H, W) with sides >= {least}."
        )


def expand(packed: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The stored form -> the state of a VGG19.

    For each layer: `indices` uint8 (C_out, C_in, 3, 3) into `table` (256,) become `weight`; `bias` (C_out,) stays.
    """
    state: dict[str, Tensor] = {}
    for name in LAYERS:
        state[f"{name}.weight"] = packed[f"{name}.table"][packed[f"{name}.indices"].long()]
        state[f"{name}.bias"] = packed[f"{name}.bias"]
    return state
