"""One pass of the fast engine over a picture of any size, in one manner or between several."""

from collections.abc import Sequence
from hashlib import sha256
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.utils.weak import WeakIdKeyDictionary

from danqing.families.style.eyes import Eyes
from danqing.families.style.network import BORDER, MULTIPLE, FastPainter, Still, look_at
from danqing.families.style.objective import Exemplar, Region, tiles
from danqing.families.style.optimise import exemplar_at, resized
from danqing.nn.precision import painting_type

TILE = 1024
"""longest side that is painted in one piece"""
MARGIN = 96
"""pixels around a tile that are painted with it: what a place of the network can see"""
READ = 256
"""longest side of the copy that a manner is read from: so large were the pictures that the reader was fitted to"""
REMEMBERED = 64
"""pictures whose manner is kept"""


@torch.no_grad()
def stylized(
    painter: FastPainter,
    eyes: Eyes,
    content: Tensor,
    regions: Sequence[Region],
    strength: float,
    brush: float,
    generator: Generator,
    tile: int = TILE,
    stills: Sequence[Still] | None = None,
) -> Tensor:
    """(3, H, W) in [-1, 1] of the same size; masks of several regions are made to sum up to 1.

    `stills`: one for each region, kept from frame to frame of a film, so that its light does not flicker.
    The manner lies on the way from the photo's own to the wanted one: z = z_c + strength (z_s - z_c).
    """
    own = F.pad(manners(painter, eyes, [content])[0], (0, painter.shifts)) if strength != 1 else None
    noise = torch.randn(1, painter.config.noise, *((side + 2 * BORDER + MULTIPLE) // 2 for side in content.shape[-2:]),
                        generator=generator)  # fmt: skip
    made, weight = torch.zeros_like(content), torch.zeros(content.shape[-2:])
    for number, region in enumerate(regions):
        shares = torch.tensor([one.weight for one in region.exemplars])
        found = torch.stack([manner_of(painter, eyes, one, brush) for one in region.exemplars])
        z = (shares / shares.sum()) @ found
        z = z if own is None else own + strength * (z - own)
        piece = painted(painter, content, z, noise, tile, stills[number] if stills else None)
        if region.mask is None and len(regions) == 1:
            return piece
        mask = torch.ones_like(weight) if region.mask is None else region.mask
        made, weight = made + mask * piece, weight + mask
    return torch.where(weight > 0, made / weight.clamp(min=1e-6), content).clamp(-1, 1)


def manner_of(painter: FastPainter, eyes: Eyes, one: Exemplar, brush: float) -> Tensor:
    """(D + M,): the taught one, or what is read from the picture."""
    if one.manner is not None:
        return one.manner
    return F.pad(manners(painter, eyes, [one.picture], brush)[0], (0, painter.shifts))


def manners(painter: FastPainter, eyes: Eyes, pictures: Sequence[Tensor], brush: float = 1.0) -> Tensor:
    """(N, D) of pictures (3, H, W); a picture that was read before is not looked at again."""
    return painter.reader(torch.stack([numbers(eyes, one, brush) for one in pictures]))


def copy_of(picture: Tensor, brush: float) -> Tensor:
    """(3, h, w), at most `brush` times READ on its longer side."""
    return exemplar_at(Exemplar(picture), min(1.0, READ / max(picture.shape[-2:])) * brush).picture


def numbers(eyes: Eyes, picture: Tensor, brush: float) -> Tensor:
    """(NUMBERS,) of a picture, or what is remembered of it: of this very tensor, or of one with the same pixels."""
    here, which = _here.setdefault(picture, {}), (eyes, brush, picture._version)
    if which not in here:
        here[which] = looked_at(eyes, copy_of(picture, brush))
    return here[which]


def looked_at(eyes: Eyes, picture: Tensor) -> Tensor:
    known = _remembered.setdefault(eyes, {})
    digest = sha256(picture.contiguous().numpy().tobytes()).digest() + bytes(str(tuple(picture.shape)), "ascii")
    if digest not in known:
        known[digest] = look_at(eyes, [picture])[0]
    for oldest in list(known)[:-REMEMBERED]:
        del known[oldest]
    return known[digest]


_here = WeakIdKeyDictionary()
_remembered: WeakKeyDictionary[Eyes, dict[bytes, Tensor]] = WeakKeyDictionary()


def painted(
    painter: FastPainter, x: Tensor, manner: Tensor, noise: Tensor, tile: int = TILE, still: Still | None = None
) -> Tensor:
    """x (3, H, W) in one manner (D,). A large picture in tiles that share the statistics of a small copy of it.

    `still`: statistics to use instead of the picture's own; filled where it is empty.
    """
    if max(x.shape[-2:]) <= tile:
        return once(painter, x, manner, noise, still)
    still, longest = still or Still(), max(x.shape[-2:])
    height, width = (max(BORDER, round(side * tile / longest)) for side in x.shape[-2:])
    if not still.seen:
        once(painter, resized(x, (height, width)), manner, noise, still)
    made = torch.empty_like(x)
    for one in tiles(x.shape[-2:], tile, MARGIN):
        top, _, left, _ = one.outer
        piece = once(painter, one.cut(x), manner, noise[:, :, top // 2 :, left // 2 :], still)
        inner = tuple(slice(a, b) for a, b in (one.inner[:2], one.inner[2:]))
        own = tuple(slice(s.start - o, s.stop - o) for s, o in zip(inner, (top, left), strict=True))
        made[:, inner[0], inner[1]] = piece[:, own[0], own[1]]
    return made


def once(painter: FastPainter, x: Tensor, manner: Tensor, noise: Tensor, still: Still | None) -> Tensor:
    """(3, H, W) of x (3, H, W), in one pass."""
    return painter(x[None].to(painting_type()), manner[None], noise, still)[0].float()
