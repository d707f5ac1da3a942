"""How good is a stylized picture? Four measures, each named for what it is; none of them is what an engine optimises.

    ssim             of the photo's and the result's brightness: is the subject where it was           1 is the same
    shapes           distance of instance-normalised VGG-19 features: are the things still there       0 is the same
    style_distance   sliced Wasserstein distance between EfficientNet-Lite0's features at all places   0 is the same
    warp_error       of two pieces of one picture that overlap: does the manner hold still in a pan    0 is still

EfficientNet-Lite0 is another network than the VGG-19 that both engines look through. Pictures are (3, H, W) in [-1, 1].
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from danqing.errors import BadInputError
from danqing.nn.efficientnet import EfficientNetLite0
from danqing.nn.vgg import VGG19

BRIGHTNESS = torch.tensor([0.299, 0.587, 0.114])
WINDOW, SIGMA = 11, 1.5
STEADY = (0.01**2, 0.03**2)
"""for a range of 1 (Wang et al. 2004, eq. 13)"""
DIRECTIONS, PLACES = 64, 1024
"""of the slices; places that are compared in each layer"""
SHAPES = "conv4_1"


def ssim(photo: Tensor, made: Tensor) -> float:
    """Mean structural similarity of the brightness, -1 .. 1 (Wang et al., IEEE TIP 2004, eq. 13, Gaussian window)."""
    same_size(photo, made)
    reach = torch.arange(WINDOW) - WINDOW // 2
    bell = torch.exp(-(reach**2) / (2 * SIGMA**2))
    window = torch.outer(bell, bell)[None, None] / bell.sum() ** 2
    x, y = (torch.einsum("c,chw->hw", BRIGHTNESS, (one + 1) / 2)[None, None] for one in (photo, made))
    mean_x, mean_y, xx, yy, xy = (F.conv2d(one, window) for one in (x, y, x * x, y * y, x * y))
    c1, c2 = STEADY
    both, apart = mean_x * mean_y, mean_x**2 + mean_y**2
    contrast = (2 * (xy - both) + c2) / (xx + yy - apart + c2)
    return float(((2 * both + c1) / (apart + c1) * contrast).mean())


@torch.no_grad()
def shapes(net: VGG19, photo: Tensor, made: Tensor) -> float:
    """Mean squared difference of conv4_1's features, each channel of mean 0, deviation 1; 2 for unrelated ones."""
    same_size(photo, made)
    features = net(torch.stack([photo, made]), [SHAPES])[SHAPES].flatten(2)
    variance, mean = torch.var_mean(features, 2, keepdim=True)
    one, other = (features - mean) / (variance + 1e-8).sqrt()
    return float((one - other).square().mean())


@torch.no_grad()
def style_distance(net: EfficientNetLite0, made: Tensor, style: Tensor, seed: int = 0) -> float:
    """Mean over five layers, in units of the style's own spread; sizes may differ.

    Along a random direction the features at all places are a distribution; the distance of two is that of their
    quantiles (Rabin et al. 2011; for textures Heitz et al., arXiv 2006.07229).
    """
    total = []
    for layer, (one, other) in enumerate(zip(net(made[None]), net(style[None]), strict=True)):
        chance = torch.Generator().manual_seed(seed * 10 + layer)
        directions = F.normalize(torch.randn(one.shape[1], DIRECTIONS, generator=chance), dim=0)
        ours, theirs = (quantiles(x[0].flatten(1).T @ directions) for x in (one, other))
        spread = theirs.std(0).square().mean().sqrt().clamp(min=1e-6)
        total.append((ours - theirs).abs().mean() / spread)
    return float(torch.stack(total).mean())


def quantiles(x: Tensor) -> Tensor:
    """(N, K) -> (PLACES, K): each column's values in order, at equal steps."""
    ordered = x.sort(0).values
    at = torch.linspace(0, len(x) - 1, PLACES)
    low = at.floor().long()
    return torch.lerp(ordered[low], ordered[at.ceil().long()], (at - low)[:, None])


def warp_error(stylize: Callable[[Tensor], Tensor], photo: Tensor, shift: int = 8) -> float:
    """A camera pans by `shift` pixels: mean absolute difference, in 0 .. 1, where both frames show the same."""
    if photo.shape[2] < 4 * shift:
        raise BadInputError(f"A picture {photo.shape[2]} pixels wide is too narrow for a pan of {shift} pixels.")
    one, other = stylize(photo[:, :, :-shift]), stylize(photo[:, :, shift:])
    return float((one[:, :, shift:] - other[:, :, :-shift]).abs().mean() / 2)


def diversity(pictures: Tensor) -> float:
    """Mean absolute difference, in 0 .. 1, between pictures (N, 3, H, W) of different seeds, N >= 2."""
    if len(pictures) < 2:
        raise BadInputError("One picture alone has no diversity; give two or more.")
    apart = [(one - other).abs().mean() / 2 for i, one in enumerate(pictures) for other in pictures[:i]]
    return float(torch.stack(apart).mean())


def same_size(photo: Tensor, made: Tensor) -> None:
    if photo.shape != made.shape or photo.ndim != 3 or min(photo.shape[1:]) < WINDOW:
        raise BadInputError(
            f"Pictures {tuple(photo.shape)} and {tuple(made.shape)} came; give two of one size (3, H, W), sides >= 11."
        )
