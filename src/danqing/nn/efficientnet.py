"""EfficientNet-Lite0: what a network trained on photos sees in a picture; for judging and for losses.

Tan and Le 2019 (arXiv 1905.11946), table 1; the Lite form (TensorFlow, tpu/models/official/efficientnet/lite) has no
squeeze-excite, ReLU6 for swish, and a stem and head of fixed width. The batch norms are folded into the convolutions
(scripts/convert_efficientnet.py), so the network is fixed: it is not meant to be trained further. The 1000-class head
is left out.
"""

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import interpolate, pad

DIMS = 1280
"""length of the pooled features"""
SIDE = 128
"""side in pixels to which `prepare` resizes"""


@dataclass(frozen=True)
class Stage:
    """One row of table 1 of the paper."""

    repeats: int
    kernel: int
    stride: int
    expand: int
    """the inner width is this many times the width that comes in"""
    width: int
    """channels that go out"""


STAGES = (
    Stage(1, 3, 1, 1, 16),
    Stage(2, 3, 2, 6, 24),
    Stage(2, 5, 2, 6, 40),
    Stage(3, 3, 2, 6, 80),
    Stage(3, 5, 1, 6, 112),
    Stage(4, 5, 2, 6, 192),
    Stage(1, 3, 1, 6, 320),
)
STEM = 32
TAPS = (0, 1, 2, 4, 6)
"""the stages whose results are given out: the last of each resolution, at 1/2, 1/4, 1/8, 1/16, 1/32 of the side"""
WIDTHS = tuple(STAGES[tap].width for tap in TAPS)
"""channels of the feature maps: 16, 24, 40, 112, 320"""


def prepare(pictures: Tensor, side: int = SIDE) -> Tensor:
    """(N, 1 or 3, H, W) in [-1, 1] -> (N, 3, side, side): grey to three channels, bilinear with antialias."""
    if pictures.shape[1] == 1:
        pictures = pictures.expand(-1, 3, -1, -1)
    if pictures.shape[2:] == (side, side):
        return pictures
    return interpolate(pictures.float(), (side, side), mode="bilinear", antialias=True)  # there is none in bf16


def lite_range(x: Tensor) -> Tensor:
    """[-1, 1] -> (v - 127) / 128, where v = (x + 1) * 127.5 is the value in 0 .. 255 (efficientnet_lite_builder.py)."""
    return x * (127.5 / 128) + 0.5 / 128


class SameConv(nn.Conv2d):
    """Convolution padded as TensorFlow does for even sides: with stride 2 the odd pixel comes at the end."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        around = (kernel - 1) // 2 if stride == 1 else 0
        super().__init__(c_in, c_out, kernel, stride, padding=around, groups=groups)
        before, after = (kernel - 2) // 2, (kernel - 1) // 2
        self.ahead = (before, after, before, after) if stride == 2 else None

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride)."""
        return super().forward(x if self.ahead is None else pad(x, self.ahead))


class MBConv(nn.Module):
    """Inverted bottleneck (Sandler et al. 2018, arXiv 1801.04381, fig. 3): widen, filter each channel, narrow."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        inner = c_in * expand
        self.widen = SameConv(c_in, inner, 1) if expand > 1 else None
        self.filter = SameConv(inner, inner, kernel, stride, groups=inner)
        self.narrow = SameConv(inner, c_out, 1)
        self.act = nn.ReLU6()
        self.skip = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        """(N, c_in, H, W) -> (N, c_out, H / stride, W / stride), any range."""
        h = x if self.widen is None else self.act(self.widen(x))
        h = self.narrow(self.act(self.filter(h)))
        return x + h if self.skip else h


def build_stage(c_in: int, stage: Stage) -> nn.Sequential:
    first = MBConv(c_in, stage.width, stage.kernel, stage.stride, stage.expand)
    rest = (MBConv(stage.width, stage.width, stage.kernel, 1, stage.expand) for _ in range(stage.repeats - 1))
    return nn.Sequential(first, *rest)


class EfficientNetLite0(nn.Module):
    """3.4 million weights. Pictures are (N, 3, H, W) in [-1, 1], sides a multiple of 32."""

    def __init__(self) -> None:
        super().__init__()
        widths = (STEM, *(stage.width for stage in STAGES))
        self.stem = SameConv(3, STEM, 3, 2)
        self.stages = nn.ModuleList(build_stage(c_in, stage) for c_in, stage in zip(widths, STAGES, strict=False))
        self.head = SameConv(widths[-1], DIMS, 1)
        self.act = nn.ReLU6()

    def forward(self, x: Tensor) -> list[Tensor]:
        """(N, 3, H, W) in [-1, 1] -> 5 maps (N, WIDTHS[i], H / 2^(i+1), W / 2^(i+1)), any range."""
        maps: list[Tensor] = []
        h = self.act(self.stem(lite_range(x)))
        for number, stage in enumerate(self.stages):
            h = stage(h)
            if number in TAPS:
                maps.append(h)
        return maps

    def pooled(self, x: Tensor) -> Tensor:
        """(N, 3, H, W) in [-1, 1] -> (N, 1280) in [0, 6]: the input of the class head, mean over all places."""
        return self.act(self.head(self(x)[-1])).mean((2, 3))
