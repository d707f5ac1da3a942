"""The denoiser: a network, and how its output becomes a clean picture."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from danqing.errors import UsageError
from danqing.nn.hourglass import Hourglass
from danqing.nn.layers import Condition
from danqing.nn.transformer import Transformer
from danqing.nn.unet import UNet
from danqing.registry import get, names
from danqing.samplers.schedules import Schedule
from danqing.settings import check_choices, check_least, check_most

SPREAD = 0.5
"""standard deviation of a picture's values, about"""
BLOCKS = 2
"""of an hourglass at each size, on either way"""


@dataclass(frozen=True)
class DiffusionConfig:
    size: int = 28
    """side of the picture, pixels"""
    channels: int = 1
    classes: int = 0
    """number of labels; 0 trains without"""
    net: str = "unet"
    """unet, transformer or hourglass (convolutions outside, a transformer at the waist)"""
    widths: tuple[int, ...] = (64, 128)
    """U-Net: channels at each size; hourglass: the same, then the width of its waist; transformer: its width"""
    fold: int = 2
    """pixels folded into channels at the door; transformer: patch side"""
    depth: int = 2
    """U-Net: blocks at each size; transformer: layers; hourglass: layers of the waist"""
    predict: str = "clean"
    """what the network gives: the clean picture (arXiv 2511.13720) or the noise (arXiv 2006.11239)"""
    schedule: str = "flow"
    """flow (straight path) or cosine"""
    drop_label: float = 0.1
    """share of pictures trained without their label, which guidance needs (arXiv 2207.12598)"""
    few_step: float = 0.0
    """last share of the budget in which the network also learns to jump in 2 to 4 steps; 0 for never"""
    sampler: str = "dpm++2m"
    steps: int = 16
    guidance: float = 1.0
    """1 follows the label as learned, more exaggerates it"""

    def __post_init__(self) -> None:
        check_choices(self, net=NETS, predict=PREDICTS, schedule=names("schedule"), sampler=names("sampler"))
        check_least(1, size=self.size, channels=self.channels, fold=self.fold, depth=self.depth, steps=self.steps)
        check_least(8, widths=self.widths)
        check_least(0, classes=self.classes, drop_label=self.drop_label, few_step=self.few_step, guidance=self.guidance)
        check_most(1, drop_label=self.drop_label, few_step=self.few_step)
        if self.predict == "clean" and self.schedule != "flow":
            raise UsageError(f"predict = 'clean' does not go with schedule = '{self.schedule}'; set schedule = 'flow'.")
        if self.few_step and self.predict != "clean":
            raise UsageError(f"few_step does not go with predict = '{self.predict}'; set few_step = 0.")
        if not self.fitting():
            wanted = "use multiples of 8 (convolutions) or 64 (transformer, waist)"
            raise UsageError(f"widths = {self.widths} are not possible; {wanted}.")
        if self.size % self.door:
            raise UsageError(f"size = {self.size} cannot be folded by {self.door}; choose a multiple.")

    def fitting(self) -> bool:
        """Whether groups of a norm (convolutions) or heads of attention (transformer, waist) divide the widths."""
        looking = {"unet": (), "transformer": self.widths, "hourglass": self.widths[-1:]}[self.net]
        folding = self.widths[: len(self.widths) - len(looking)]
        return all(width % 8 == 0 for width in folding) and all(width % max(1, width // 64) == 0 for width in looking)

    @property
    def door(self) -> int:
        """What the picture's side must be a multiple of."""
        return self.fold * 2 ** (len(self.widths) - 1) if self.net == "hourglass" else self.fold


def _unet(c: DiffusionConfig) -> nn.Module:
    return UNet(c.channels, c.classes, c.widths, c.fold, c.depth)


def _transformer(c: DiffusionConfig) -> nn.Module:
    return Transformer(c.size, c.channels, c.classes, c.widths[0], c.depth, c.fold)


class _Hourglass(nn.Module):
    """net(z, t, span, labels), as the others."""

    def __init__(self, c: DiffusionConfig) -> None:
        super().__init__()
        *levels, waist = c.widths
        self.condition = Condition(c.classes, waist)
        self.net = Hourglass(c.size, c.channels, levels, BLOCKS, waist, c.depth, c.fold)

    def forward(self, z: Tensor, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        return self.net(z, self.condition(t, span, labels))


def _unit(alpha: Tensor, sigma: Tensor) -> Tensor:
    """1 / standard deviation of z, for pictures of standard deviation SPREAD."""
    return (SPREAD**2 * alpha**2 + sigma**2).rsqrt()


def _as_it_is(alpha: Tensor, sigma: Tensor) -> Tensor:
    return torch.ones_like(alpha)


def _from_rest(out: Tensor, z: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """x = c_skip z + c_out F: the best straight guess, and what the network adds in units of its error.

    Karras et al., arXiv 2206.00364, eq. 7 and table 1, for z = alpha x + sigma e.
    """
    unit = _unit(alpha, sigma)
    return alpha * (SPREAD * unit) ** 2 * z + SPREAD * sigma * unit * out


def _from_noise(out: Tensor, z: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
    """x = (z - sigma e) / alpha, kept in the range of pictures because alpha is tiny where all is noise."""
    return ((z - sigma * out) / alpha).clamp(-1, 1)


Scale = Callable[[Tensor, Tensor], Tensor]
Clean = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
NETS: dict[str, Callable[[DiffusionConfig], nn.Module]] = {
    "unet": _unet,
    "transformer": _transformer,
    "hourglass": _Hourglass,
}
PREDICTS: dict[str, tuple[Scale, Clean]] = {"clean": (_unit, _from_rest), "noise": (_as_it_is, _from_noise)}
"""name -> what the network's input is multiplied by, and how its output becomes the clean picture"""


class Denoiser(nn.Module):
    """denoiser(z, t, span, labels) -> the clean picture it expects, (B, C, H, W)."""

    def __init__(self, config: DiffusionConfig) -> None:
        super().__init__()
        self.config = config
        self.net = NETS[config.net](config)
        self.schedule: Schedule = get("schedule", config.schedule)

    def raw(self, z: Tensor, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        """The network's own output: the noise, or what is missing to the clean picture in units of its error."""
        scale = PREDICTS[self.config.predict][0](*self.rates(t))
        return self.net(scale * z, t, span, labels).float()

    def rates(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """alpha and sigma at t (B,), (B, 1, 1, 1) each."""
        at = t[:, None, None, None]
        return self.schedule.alpha(at), self.schedule.sigma(at)

    def forward(self, z: Tensor, t: Tensor, span: Tensor, labels: Tensor) -> Tensor:
        """z (B, C, H, W), t (B,) in [0, 1] with 1 clean, span (B,) length of the coming step or 0, labels (B,)."""
        return PREDICTS[self.config.predict][1](self.raw(z, t, span, labels), z, *self.rates(t))
