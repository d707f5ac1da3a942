"""The colour words of a picture: by area, in a space where distances are as people see them.

Reference: Ottosson, "A perceptual color space for image processing" (OKLab), 2020.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from danqing.words.colours import COLOURS

LEAST = 0.12
"""of the painted area, for a colour to be named"""
MOST = 3
BITS = 5
"""of a channel, as fine as colours are told apart"""
DARK = 0.42
"""OKLab lightness, 0 .. 1, below which a thin line counts as an outline"""
SHADES: dict[str, tuple[tuple[int, int, int], ...]] = {
    "red": ((150, 20, 30), (240, 60, 60), (200, 30, 55), (225, 75, 55)),
    "orange": ((255, 165, 80), (230, 100, 30), (255, 130, 35)),
    "yellow": ((255, 238, 120), (255, 240, 20), (255, 190, 50), (255, 204, 77)),
    "green": ((20, 90, 40), (140, 200, 90), (0, 210, 106), (170, 220, 100), (0, 160, 100), (110, 130, 50)),
    "blue": (
        (100, 180, 245),
        (150, 210, 250),
        (20, 45, 105),
        (0, 150, 235),
        (195, 225, 250),
        (70, 110, 160),
        (70, 190, 235),
    ),
    "purple": ((190, 145, 235), (75, 45, 110), (210, 180, 240), (100, 60, 230)),
    "pink": ((210, 85, 140), (250, 60, 140), (250, 200, 215), (235, 90, 130), (230, 130, 210)),
    "brown": ((80, 50, 35), (165, 105, 70), (150, 80, 60), (110, 85, 70), (185, 135, 95)),
    "black": ((50, 50, 54), (64, 64, 64)),
    "white": ((230, 233, 238),),
    "grey": (
        (95, 100, 108),
        (80, 105, 120),
        (155, 170, 182),
        (190, 195, 200),
        (120, 140, 152),
        (65, 75, 85),
        (160, 152, 145),
    ),
    "gold": ((180, 130, 40),),
    "turquoise": ((30, 150, 150), (130, 225, 220), (0, 190, 210)),
    "": ((249, 221, 189), (255, 213, 180), (250, 200, 160), (230, 185, 145), (215, 195, 170)),
}
"""colour word -> more of its shades, since one value does not do for all; "" for skin and beige, which are not named"""
_TO_CONES = np.array([
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
])  # fmt: skip
_TO_LAB = np.array([
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
])  # fmt: skip


def colour_words(rgba: np.ndarray) -> list[str]:
    """At most three, the largest first; transparent parts, outlines and shades without a word do not count.

    `rgba`: (H, W, 4) uint8, premultiplied alpha, H and W even.
    """
    high, wide = rgba.shape[0] // 2, rgba.shape[1] // 2
    small = rgba.reshape(high, 2, wide, 2, 4).sum((1, 3), dtype=np.uint32)
    alpha = small[..., 3]
    painted = alpha > 4 * 127
    straight = np.minimum(small[..., :3] * 255 // np.maximum(alpha, 1)[..., None], 255) >> (8 - BITS)
    place = (straight[..., 0] << 2 * BITS) | (straight[..., 1] << BITS) | straight[..., 2]
    names, numbers, dark = _table()
    inside = painted & ~_outline(painted & dark[place])
    shown = numbers[place[inside if inside.sum() > LEAST * painted.sum() else painted]]
    shares = np.bincount(shown, minlength=len(names)) / max(1, len(shown))
    order = sorted(range(len(names)), key=lambda number: -shares[number])
    return [names[number] for number in order if names[number] and shares[number] >= LEAST][:MOST]


def oklab(rgb: np.ndarray) -> np.ndarray:
    """(..., 3) sRGB in 0 .. 1 -> (..., 3) OKLab: lightness 0 .. 1, green-red and blue-yellow about -0.4 .. 0.4."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((np.clip(rgb, 0, 1) + 0.055) / 1.055) ** 2.4)
    lab: np.ndarray = np.cbrt(linear @ _TO_CONES.T) @ _TO_LAB.T
    return lab


def _outline(dark: np.ndarray) -> np.ndarray:
    """Dark pixels that vanish when dark areas lose two pixels all around and then grow again."""
    core = dark
    for _ in range(2):
        core = _eroded(core)
    for _ in range(2):
        core = ~_eroded(~core)
    return dark & ~core


def _eroded(mask: np.ndarray) -> np.ndarray:
    padded = np.pad(mask, 1)
    return mask & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]


@cache
def _table() -> tuple[list[str], np.ndarray, np.ndarray]:
    """The words; for every colour of BITS a channel the number of its word, and whether it is dark."""
    names = [*COLOURS, ""]
    shades = [(names.index(name), shade) for name in COLOURS for shade in (COLOURS[name], *SHADES.get(name, ()))]
    shades += [(names.index(""), shade) for shade in SHADES[""]]
    numbers, values = zip(*shades, strict=True)
    steps = (np.arange(2**BITS) + 0.5) / 2**BITS
    colours = oklab(np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3))
    anchors = oklab(np.array(values) / 255)
    nearest = ((anchors**2).sum(-1) - 2 * colours @ anchors.T).argmin(-1)
    return names, np.array(numbers)[nearest], colours[:, 0] < DARK
