"""The fast engine: one small network paints any photo in any manner in one pass.

A manner is what VGG-19 sees of a picture on average (means and deviations of four layers), squeezed to a short
vector z, from which every scale γ and shift β of the network's instance norms is computed (conditional instance
normalisation, Dumoulin et al., arXiv 1610.07629; from any picture: Ghiasi et al., arXiv 1705.06830):

    h ← γ(z) (h - μ(h)) / σ(h) + β(z)

μ and σ are taken over the whole picture. So a large picture is painted in tiles that all use the μ and σ of a small
copy of it (Chen et al., arXiv 2103.11784), and a video in frames that use those of its first.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from danqing.families.style.eyes import Eyes
from danqing.families.style.measures import Moments
from danqing.nn.layers import doubled, zero
from danqing.nn.vgg import LAYERS
from danqing.settings import check_least

SEEN = ("conv1_1", "conv2_1", "conv3_1", "conv4_1")
NUMBERS = 2 * sum(LAYERS[layer] for layer in SEEN)
BORDER = 16
"""pixels mirrored around a picture, so that no frame is painted on it"""
MULTIPLE = 8
"""sides are filled up to a multiple of this"""


@dataclass(frozen=True)
class FastConfig:
    widths: tuple[int, int] = (32, 64)
    """channels at half and at a quarter of the side"""
    blocks: int = 6
    """residual blocks at a quarter of the side"""
    squeezed: int = 256
    """principal components of the statistics"""
    manner: int = 96
    """length of z"""
    noise: int = 2
    """channels of noise beside the picture: chance for strokes"""

    def __post_init__(self) -> None:
        check_least(1, widths=self.widths, blocks=self.blocks, squeezed=self.squeezed, manner=self.manner)
        check_least(0, noise=self.noise)


def numbers_of(statistics: dict[str, Moments]) -> Tensor:
    """The NUMBERS (means, deviations) of a picture that a manner is read from; logarithms tame their tails."""
    return torch.cat([torch.cat([statistics[k].mean, statistics[k].deviation]) for k in SEEN]).log1p()


class Reader(nn.Module):
    """Statistics of a picture (B, NUMBERS) -> manner z (B, D)."""

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(NUMBERS))
        self.register_buffer("basis", torch.zeros(NUMBERS, config.squeezed))
        self.mean: Tensor
        self.basis: Tensor
        self.mlp = nn.Sequential(
            nn.Linear(config.squeezed, 256), nn.ReLU(), nn.Linear(256, config.manner), nn.LayerNorm(config.manner)
        )

    @torch.no_grad()
    def fit(self, rows: Tensor) -> None:
        """Mean and whitened principal components of many pictures' statistics (N, NUMBERS)."""
        self.mean.copy_(rows.mean(0))
        _, spread, directions = torch.linalg.svd(rows - self.mean, full_matrices=False)
        count = min(self.basis.shape[1], len(spread))
        spread = spread[:count] / max(1, len(rows) - 1) ** 0.5
        floor = spread[0] * 1e-3 + 1e-6  # directions that the pictures hardly have are not blown up
        self.basis.zero_()
        self.basis[:, :count] = directions[:count].T / (spread + floor)

    def forward(self, numbers: Tensor) -> Tensor:
        return self.mlp(((numbers - self.mean) @ self.basis).clamp(-4, 4))


class Norm(nn.Module):
    """Instance norm whose scale and shift come from outside, (B, C) or a map (B, C, h, w) each; in h's own type."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, h: Tensor, scale: Tensor, shift: Tensor, still: "Still | None") -> Tensor:
        """`still`: records the statistics, or uses those that were recorded."""
        if still is not None:
            mean, variance = still.of(self, h)
            if len(h) == 1 and scale.ndim == 2:
                return F.batch_norm(h, mean, variance, scale[0].float(), shift[0].float())
            even = F.batch_norm(h, mean, variance)
        elif scale.ndim == 2 and len(h) == 1:  # its own batch; group_norm loses small deviations when channels are last
            return F.batch_norm(h, None, None, scale[0].float(), shift[0].float(), training=True)
        elif scale.ndim == 2:  # the rows of a batch side by side, so that each has its own γ and β
            side = F.group_norm(h.flatten(0, 1)[None], scale.numel(), scale.flatten(), shift.flatten())
            return side.view_as(h)
        else:
            even = F.group_norm(h, self.channels)  # four times faster than F.instance_norm on a CPU
        return (even * whole(scale, h) + whole(shift, h)).to(h)


def whole(x: Tensor, h: Tensor) -> Tensor:
    """(B, C) -> (B, C, 1, 1); a map is brought to the size of h."""
    return x[:, :, None, None] if x.ndim == 2 else F.interpolate(x, h.shape[-2:], mode="bilinear", align_corners=False)


class Still:
    """Statistics of one picture's norms, taken once and used for its tiles or for the next frames."""

    def __init__(self) -> None:
        self.seen: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, norm: Norm, h: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance (C,) of h (1, C, H, W) when it was first asked for."""
        if id(norm) not in self.seen:
            variance, mean = torch.var_mean(h.detach().float(), (0, 2, 3), correction=0)
            self.seen[id(norm)] = mean, variance
        return self.seen[id(norm)]


class FastPainter(nn.Module):
    """painter(x, manner) -> (B, 3, H, W) in [-1, 1], of x (B, 3, H, W) and manners (B, D).

    Everything is in x's type, channels last: autocast goes back to fp32 for each norm.
    """

    def __init__(self, config: FastConfig) -> None:
        super().__init__()
        self.config = config
        fine, coarse = config.widths
        self.reader = Reader(config)
        self.enter = nn.Conv2d(12 + config.noise, fine, 3, padding=1)
        self.down = nn.Conv2d(fine, coarse, 3, stride=2, padding=1)
        self.body = nn.ModuleList(
            nn.Conv2d(coarse, coarse, 3, padding=(spread := 2 if i // 2 in (2, 3) else 1), dilation=spread)
            for i in range(2 * config.blocks)
        )
        self.up = nn.Conv2d(coarse, fine, 3, padding=1)
        self.leave = nn.Conv2d(fine, 12, 3, padding=1)
        self.sizes = [fine, coarse, *[coarse] * (2 * config.blocks), fine]
        self.norms = nn.ModuleList(map(Norm, self.sizes))
        self.shifts = 2 * sum(self.sizes)
        """how many scales and shifts there are"""
        self.steer = zero(nn.Linear(config.manner, self.shifts))
        with torch.no_grad():
            self.enter.weight[:, 12:] = 0  # noise means nothing at first

    def forward(self, x: Tensor, manner: Tensor, noise: Tensor | None = None, still: Still | None = None) -> Tensor:
        """`manner` (B, D), or (B, D, h, w) for another manner in every place; `noise` (B, n, H / 2, W / 2) or none.

        A taught manner is longer, D + `shifts`: its last numbers are added to the scales and shifts themselves.
        """
        height, width = x.shape[-2:]
        padded = framed(x)
        h = F.pixel_unshuffle(padded, 2)
        h = torch.cat([h, self.noise_for(h, noise)], 1).contiguous(memory_format=torch.channels_last)
        steer = iter(self.steered(manner))
        h = self.normed(0, filtered(self.enter, h), next(steer), still)
        h = self.normed(1, filtered(self.down, h), next(steer), still)
        for i in range(0, len(self.body), 2):
            inner = self.normed(2 + i, filtered(self.body[i], h), next(steer), still)
            scale, shift = next(steer)
            added = self.norms[3 + i](filtered(self.body[i + 1], inner), scale, shift, still)
            h = h + added if torch.is_grad_enabled() else added.add_(h)
        h = self.normed(len(self.norms) - 1, doubled(h, *parts(self.up, h)), next(steer), still)
        painted = torch.tanh(F.pixel_shuffle(filtered(self.leave, h), 2))
        return painted[:, :, BORDER : BORDER + height, BORDER : BORDER + width]

    def normed(self, number: int, h: Tensor, steer: tuple[Tensor, Tensor], still: Still | None) -> Tensor:
        return F.relu(self.norms[number](h, *steer, still), inplace=not torch.is_grad_enabled())

    def steered(self, manner: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Scale and shift of every norm; 1 and 0 plus what the manner says."""
        z, taught = manner[:, : self.config.manner], manner[:, self.config.manner :]
        if manner.ndim == 4:
            values = torch.einsum("bdhw,nd->bnhw", z, self.steer.weight) + self.steer.bias[:, None, None]
        else:
            values = self.steer(z)
        values = values + taught if taught.shape[1] else values
        scales, shifts = values.chunk(2, 1)
        return list(zip((1 + scales).split(self.sizes, 1), shifts.split(self.sizes, 1), strict=True))

    def noise_for(self, h: Tensor, noise: Tensor | None) -> Tensor:
        """Noise of the size of h's border and all; none is zero."""
        made = h.new_zeros(len(h), self.config.noise, *h.shape[-2:])
        if noise is not None and self.config.noise:
            rows, columns = (min(a, b) for a, b in zip(noise.shape[-2:], h.shape[-2:], strict=True))
            made[:, :, :rows, :columns] = noise[:, :, :rows, :columns]
        return made


def filtered(layer: nn.Module, h: Tensor) -> Tensor:
    """A convolution in h's type, whatever that of its weights."""
    assert isinstance(layer, nn.Conv2d)
    return F.conv2d(h, *parts(layer, h), layer.stride, layer.padding, layer.dilation)


def parts(layer: nn.Conv2d, h: Tensor) -> tuple[Tensor, Tensor]:
    """Its weight and bias, in h's type and in the fast order."""
    assert layer.bias is not None
    return layer.weight.to(h.dtype, memory_format=torch.channels_last), layer.bias.to(h.dtype)


def framed(x: Tensor) -> Tensor:
    """Mirrored by BORDER on every side, and up to a multiple of MULTIPLE at the right and below."""
    height, width = x.shape[-2:]
    below, right = (BORDER + -side % MULTIPLE for side in (height, width))
    mode = "reflect" if min(height, width) > max(below, right) else "replicate"
    return F.pad(x, (BORDER, right, BORDER, below), mode=mode)


@torch.no_grad()
def look_at(eyes: Eyes, pictures: Sequence[Tensor]) -> Tensor:
    """Statistics (N, NUMBERS) of pictures (3, H, W)."""
    from danqing.families.style.objective import statistics_of

    return torch.stack([numbers_of(statistics_of(eyes, one, None, SEEN, max(one.shape[-2:]))) for one in pictures])
