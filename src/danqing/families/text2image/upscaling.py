"""From 128 px to 256, 512 and 1024 by a network that has learned how drawings look when they are large.

Pictures are premultiplied RGBA. The network learns from the vectors themselves: what it is to find is a drawing at
512 px, what it is given is the mean of blocks of it, often worn as a decoder's pictures are (soft, a little noise,
faint blocks), so that edges come out clean.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from danqing.errors import BadInputError, UsageError
from danqing.evaluate.shipped import fill, read_card
from danqing.families.text2image.recipes import PartSettings
from danqing.images.alpha import resized, tidied
from danqing.images.arrays import to_float, to_uint8
from danqing.nn.chance import Chance, generator
from danqing.nn.precision import arithmetic, painting
from danqing.nn.upscale import FACTOR, Upscaler, UpscalerConfig
from danqing.settings import check_least, read, read_toml
from danqing.types import Batch, Now

SHIPPED = "upscaler"
"""folder in danqing/models"""
LARGEST = 512
"""longest side that the network is given; what is larger already is enlarged by Lanczos"""
BLACK = 0.05
"""squared brightness below which a drawing's own alpha is trusted more than its colours"""
NEARLY = 6
"""alpha of 255 that counts as 0, or as 255 when it is missing"""
SLIGHT = 1.25
"""to enlarge by less than this Lanczos will do"""


@dataclass(frozen=True)
class UpscalerRecipe:
    """The table `upscaler` of recipes.toml."""

    minutes: float
    """default budget"""
    pictures: int = 1500
    """large renders to learn from"""
    crop: int = 32
    """side of what the network is given in training, pixels"""
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_least(1, pictures=self.pictures)
        check_least(4, crop=self.crop)

    @property
    def part(self) -> PartSettings:
        return PartSettings(self.minutes, self.model, self.train)


def upscaler_recipe() -> UpscalerRecipe:
    text = files("danqing").joinpath("families", "text2image", "recipes.toml").read_text(encoding="utf-8")
    return read(UpscalerRecipe, read_toml(text, "recipes.toml")["upscaler"], "recipes.toml, upscaler")


# What it learns from.

CANDIDATES = 3
"""places looked at for each crop; the busiest is taken, for most of a drawing is flat"""
INVERTED, OPAQUE, FAINT = 0.2, 0.25, 0.1
"""share of crops with their colours inverted, laid on a plain ground, made half transparent"""


@dataclass(frozen=True, eq=False)
class Crops:
    """Pieces of large renders; which a step sees is a pure function of (seed, step), every process takes its share."""

    pictures: np.ndarray
    """(N, S, S, 4) uint8 premultiplied"""
    batch: int
    side: int
    """of a piece, pixels of the large render"""
    seed: int
    rank: int = 0
    world: int = 1
    device: str = "cpu"

    def at(self, step: int) -> Batch:
        """Pictures (B, 4, side, side) in [-1, 1]."""
        rng = np.random.default_rng(generator("crops", self.seed, step).initial_seed())
        made = [self.piece(rng) for _ in range(self.batch)]
        mine = made[self.rank * self.batch // self.world : (self.rank + 1) * self.batch // self.world]
        pixels = torch.from_numpy(np.stack(mine)).permute(0, 3, 1, 2).to(self.device)
        return Batch(to_float(pixels.contiguous(memory_format=torch.channels_last)), None)

    def piece(self, rng: np.random.Generator) -> np.ndarray:
        """(side, side, 4)"""
        picture = self.pictures[rng.integers(len(self.pictures))]
        room = picture.shape[0] - self.side + 1
        places = rng.integers(room, size=(CANDIDATES, 2))
        pieces = [picture[y : y + self.side, x : x + self.side] for y, x in places]
        return varied(np.asarray(max(pieces, key=business)), rng)


def business(piece: np.ndarray) -> int:
    """How much changes inside (H, W, 4) uint8, looked at coarsely."""
    few = piece[::4, ::4].astype(np.int16)
    return int(np.abs(np.diff(few, axis=0)).sum() + np.abs(np.diff(few, axis=1)).sum())


def varied(piece: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turned, mirrored, in other colours, on a ground, fainter: all that leaves the edges as true as they were."""
    piece = np.rot90(piece, int(rng.integers(4)))
    piece = piece[:, ::-1] if rng.random() < 0.5 else piece
    alpha = piece[..., 3:]
    colours = piece[..., rng.permutation(3)]
    colours = alpha - colours if rng.random() < INVERTED else colours
    made = np.concatenate([colours, alpha], axis=2)
    if rng.random() < OPAQUE:
        ground = np.array([*rng.integers(256, size=3), 255], np.float32)
        return np.rint(made + (1 - alpha / np.float32(255)) * ground).clip(0, 255).astype(np.uint8)
    return np.rint(made * np.float32(rng.uniform(0.3, 1))).astype(np.uint8) if rng.random() < FAINT else made


# How a decoder's pictures differ from renders.


@dataclass(frozen=True)
class Wear:
    """Largest amounts, in values of 0 .. 1 and pixels of the small picture; each row gets its own."""

    clean: float = 0.3
    """share of rows left as they are"""
    blur: float = 1.0
    """standard deviation, pixels"""
    noise: float = 0.025
    wobble: float = 0.02
    """of squares of 4 px: each by its own amount"""
    ripple: float = 0.015
    """of a pattern that comes again every 4 or 16 px"""


def degraded(x: Tensor, chance: Chance, wear: Wear) -> Tensor:
    """(B, 4, H, W) in 0 .. 1 premultiplied -> the same, worn by chance, in steps of 1/255."""
    rows, _, height, width = x.shape

    def amount(most: float) -> Tensor:
        """(B, 1, 1, 1): nothing for half of the rows."""
        given = chance.keep(0.5, rows) * chance.uniform(rows) * most
        return given.to(x).view(-1, 1, 1, 1)

    worn = blurred(x, chance.uniform(rows).to(x) * wear.blur)
    worn = worn + amount(wear.noise) * chance.normal(rows, 4, height, width)
    worn = worn + amount(wear.wobble) * repeated(chance.normal(rows, 4, -(-height // 4), -(-width // 4)), height, width)
    for side in (4, 16):
        pattern = chance.normal(rows, 4, side, side).repeat(1, 1, -(-height // side), -(-width // side))
        worn = worn + amount(wear.ripple) * pattern[..., :height, :width]
    kept = chance.keep(wear.clean, rows).view(-1, 1, 1, 1)
    return allowed(torch.where(kept, x, worn))


def repeated(squares: Tensor, height: int, width: int) -> Tensor:
    """Each value as a square of 4 px, cut to the size."""
    return squares.repeat_interleave(4, 2).repeat_interleave(4, 3)[..., :height, :width]


def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Each row of (B, C, H, W) under a Gaussian of its own standard deviation (B,) in pixels, at most about 1."""
    reach = torch.arange(-3.0, 4.0, device=x.device)
    bell = torch.exp(-(reach**2) / (2 * sigma[:, None].clamp(min=0.05) ** 2))
    bell = (bell / bell.sum(1, keepdim=True)).repeat_interleave(x.shape[1], 0)[:, None]  # (B·C, 1, 7)
    planes = F.pad(x, (3, 3, 3, 3), mode="replicate").flatten(0, 1)[None]
    planes = F.conv2d(F.conv2d(planes, bell[:, :, None], groups=len(bell)), bell[..., None], groups=len(bell))
    return planes[0].unflatten(0, x.shape[:2])


def allowed(x: Tensor) -> Tensor:
    """Values that a premultiplied picture of 8 bits can have, and no faint dirt in what is transparent."""
    alpha = (x[:, 3:].clamp(0, 1) * 255).round()
    alpha = torch.where(alpha < 4, 0, torch.where(alpha > 251, 255, alpha))
    colours = torch.minimum((x[:, :3].clamp(0, 1) * 255).round(), alpha)
    return torch.cat([colours, alpha], dim=1) / 255


# The loss.

EDGES = 1.0
"""weight of the error of the gradients"""


def upscaling_loss(net: Upscaler, wear: Wear, batch: Batch, now: Now) -> Tensor:
    """Mean absolute error of the pixels and of their Sobel gradients."""
    small = degraded(F.avg_pool2d((batch.pictures + 1) / 2, FACTOR), now.chance, wear)
    error = net(small * 2 - 1) - batch.pictures
    pixels, edges = error.abs().mean(), sobel(error).abs().mean()
    now.notes.update(pixels=pixels.detach(), edges=edges.detach())
    return pixels + EDGES * edges


def sobel(x: Tensor) -> Tensor:
    """(B, C, H, W) -> (B, 2 C, H - 2, W - 2): slope to the right and downwards, per pixel."""
    smooth = x[..., :-2, :] + 2 * x[..., 1:-1, :] + x[..., 2:, :]
    right = (smooth[..., 2:] - smooth[..., :-2]) / 8
    smooth = x[..., :-2] + 2 * x[..., 1:-1] + x[..., 2:]
    down = (smooth[..., 2:, :] - smooth[..., :-2, :]) / 8
    return torch.cat([right, down], dim=1)


# Enlarging.


@cache
@torch.no_grad()
def shipped_upscaler() -> Upscaler:
    """The network that comes with Danqing; BadWeightsError where it is missing or damaged."""
    config = read(UpscalerConfig, read_card(SHIPPED).get("config", {}), "the card of the upscaler")
    net: Any = fill(Upscaler(config), SHIPPED)
    return net.to(memory_format=torch.channels_last)


def enlarge(rgba: np.ndarray, to: int | Sequence[int], net: Upscaler | None = None) -> np.ndarray:
    """(H, W, 4) uint8 premultiplied -> `to` times as large, or of the size `to` = (width, height).

    A channel that is the same in all neighbours of a pixel stays so: plain grounds, what is transparent. Sizes that
    are not larger in both directions, and only slightly larger ones, come by Lanczos. `net` is the shipped one if not
    given. Raises BadInputError for another array, UsageError for a size or factor below 1.
    """
    check_pixels(rgba)
    size = wanted_size(rgba, to)
    while larger(size, rgba) and max(rgba.shape[:2]) <= LARGEST:
        rgba = fourfold(rgba, net or shipped_upscaler())
    return reduced(rgba, size)


def check_pixels(rgba: np.ndarray) -> None:
    if (
        not isinstance(rgba, np.ndarray)
        or rgba.dtype != np.uint8
        or rgba.ndim != 3
        or rgba.shape[2] != 4
        or not rgba.size
    ):
        came = f"{rgba.dtype} {rgba.shape}" if isinstance(rgba, np.ndarray) else type(rgba).__name__
        raise BadInputError(f"Pixels {came} came; the upscaler takes uint8 (H, W, 4), premultiplied.")


def wanted_size(rgba: np.ndarray, to: int | Sequence[int]) -> tuple[int, int]:
    """width, height"""
    size = (rgba.shape[1] * to, rgba.shape[0] * to) if isinstance(to, int) else tuple(to)
    if len(size) != 2 or min(size) < 1:
        raise UsageError(f"A picture cannot be enlarged to {to}; give a factor or (width, height) of at least 1.")
    return int(size[0]), int(size[1])


def larger(size: tuple[int, int], rgba: np.ndarray) -> bool:
    return size[0] > rgba.shape[1] * SLIGHT and size[1] > rgba.shape[0] * SLIGHT


@torch.no_grad()
def fourfold(rgba: np.ndarray, net: Upscaler) -> np.ndarray:
    """(H, W, 4) uint8 premultiplied -> (4 H, 4 W, 4)."""
    pixels = torch.from_numpy(snapped(rgba)).permute(2, 0, 1)[None]  # channels last, as it lies
    with arithmetic(painting()):
        large = net(to_float(pixels)).float()
    made = rimmed(settled(to_uint8(large)[0], pixels[0]), pixels[0])
    return tidied((made * (made[3:] > 0)).permute(1, 2, 0).numpy())


def snapped(rgba: np.ndarray) -> np.ndarray:
    """Alpha that is nearly full or nearly nothing made so: a decoder is seldom exact."""
    made = np.array(rgba)
    made[rgba[..., 3] < NEARLY] = 0
    made[..., 3][rgba[..., 3] > 255 - NEARLY] = 255
    return made


def rimmed(made: Tensor, before: Tensor) -> Tensor:
    """(4, 4 H, 4 W) uint8 whose half-transparent rims have the colours of the drawing they bound.

    The network makes alpha and colours apart, and a little too much alpha shows as a thin dark line on white. Where
    alpha is not full, let s be the colour of `before` (4, H, W), spread outwards; then the alpha that explains the
    colours c that were made is (c·s + ε a) / (s·s + ε): c / s for bright drawings, the alpha a that was made for black
    ones.
    """
    rgba, c, a = before.float()[None] / 255, made[:3].float() / 255, made[3:].float() / 255
    near = F.avg_pool2d(F.pad(rgba, (2, 2, 2, 2)), 5, 1)
    spread = near[:, :3] / near[:, 3:].clamp(min=1e-3)
    colours = torch.where(rgba[:, 3:] > 0.5, rgba[:, :3] / rgba[:, 3:].clamp(min=1e-3), spread).clamp(0, 1)
    s = F.interpolate(colours, scale_factor=FACTOR, mode="bilinear")[0]
    alpha = (((c * s).sum(0) + BLACK * a) / ((s * s).sum(0) + BLACK)).clamp(0, 1)
    rim = to_bytes(torch.cat([s * alpha, alpha]))
    return torch.where(made[3:] < 255, rim, made)


def to_bytes(x: Tensor) -> Tensor:
    return (x * 255).round().to(torch.uint8)


def settled(made: Tensor, before: Tensor) -> Tensor:
    """(C, 4 H, 4 W) uint8, each channel as `before` (C, H, W) where that is the same as all its neighbours."""
    near = F.pad(before.float()[None], (1, 1, 1, 1), mode="replicate")
    plain = F.max_pool2d(near, 3, 1)[0] == -F.max_pool2d(-near, 3, 1)[0]
    plain, old = (x.repeat_interleave(FACTOR, 1).repeat_interleave(FACTOR, 2) for x in (plain, before))
    return torch.where(plain, old, made)


def reduced(rgba: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """To (width, height): the mean of whole squares where they fit, else Lanczos."""
    (height, width), times = rgba.shape[:2], rgba.shape[1] // size[0]
    if times < 2 or (width, height) != (size[0] * times, size[1] * times):
        return resized(rgba, size)
    squares = rgba.reshape(size[1], times, size[0], times, 4)
    return np.rint(squares.mean((1, 3), dtype=np.float32)).astype(np.uint8)
