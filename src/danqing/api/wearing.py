"""Where a painted thing wears another: a hat on its head, glasses before its eyes, headphones over its ears.

All by its outline and its dark spots, for a painter says nothing of where its heads are. Boxes are in pixels of the
wearer, an array (h, w, 4) uint8 premultiplied, cut to what is painted.
"""

import numpy as np
import torch
from torch.nn.functional import avg_pool2d, max_pool2d, pad

from danqing.data.composing.boxes import Box

THIN = 0.18
"""of its longer side, that ears, legs and tails are thinner than"""
BROW, CHEEKS = 0.12, 0.22
"""of its height below the top of its head, where the head's width is taken: of a figure, of a face"""
FACE = 0.75
"""of its width, that a face has at its cheeks"""
HAT, LEAST_HAT, PULLED = 0.65, 0.36, 0.3
"""width of a hat: of the head's; of the wearer's at least, so that it is seen; the part of its height over the brow"""
EYES, APART, SPOT, PLAIN = (0.2, 0.62), (0.12, 0.32), 0.05, 0.08
"""in parts of a head: where eyes are from its top, how far they are from its middle, how large they are at least; how
much darker than what is between them"""
NO_EYES = 0.4, 0.2
"""how deep eyes are, and how far from the middle, where none are seen"""
LENSES, WIDEST = 4.0, 0.95
"""width of glasses: of the distance of an eye from the middle; of the head's at most"""
EARS, BAND, CUPS = 1.35, 0.1, 0.85
"""width of headphones, of the head's; how far their band stands over it and their cups reach down, of its height"""
STRETCHED = 1.5
"""how far from their own shape at most"""


def worn(place: str, wearer: np.ndarray, shape: float) -> Box:
    """The box of what is worn at the "head", "eyes" or "ears"; `shape`: its width / height.

    What is worn at the ears is stretched to the head by at most a half.
    """
    skull = head(wearer)
    x = skull.middle[0]
    if place == "eyes":
        x, y, apart = eyes(wearer, skull)
        width = min(LENSES * apart, WIDEST * skull.width)
        return around(x, y, width, width / shape)
    if place == "ears":
        width, top = EARS * skull.width, skull.top - BAND * skull.height
        height = max((BAND + CUPS) * skull.height, width / shape / STRETCHED)
        return Box(x - width / 2, top, x + width / 2, top + height)
    width = max(HAT * skull.width, LEAST_HAT * wearer.shape[1])
    return around(x, skull.top + (PULLED - 0.5) * width / shape, width, width / shape)


def around(x: float, y: float, width: float, height: float) -> Box:
    return Box(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def head(thing: np.ndarray) -> Box:
    """Where a thing is likely to have its head: what is highest of its thick parts, as high as it is wide.

    Ears, horns, legs and tails are thin: an opening (erosion, then dilation) takes them away.
    """
    painted = thing[..., 3] > 127
    height, width = painted.shape
    if not painted.any():
        return Box(0, 0, width, height)
    thick = opened(painted, max(1, round(THIN * max(height, width) / 2)))
    thick = thick if thick.any() else painted
    top = int(np.flatnonzero(thick.any(1))[0])
    left, right = run(thick, top, CHEEKS)
    left, right = (0, width) if right - left >= FACE * width else run(thick, top, BROW)  # a face fills it, or a figure
    third = (right - left) // 3
    rows = np.flatnonzero(thick[:, left + third : max(right - third, left + third + 1)].any(1))
    brow = int(rows[0]) if rows.size else top
    return Box(left, brow, right, min(height, brow + right - left))


def run(thick: np.ndarray, top: int, depth: float) -> tuple[int, int]:
    """From and to which column (h, w) bool is set below its top row, `depth` of its height deep, without a gap."""
    row = thick[min(top + round(depth * len(thick)), len(thick) - 1)]
    start, gaps = int(np.flatnonzero(thick[top])[0]), np.flatnonzero(~row)
    return int(max(gaps[gaps < start], default=-1)) + 1, int(min(gaps[gaps > start], default=len(row)))


def opened(mask: np.ndarray, radius: int) -> np.ndarray:
    """(h, w) bool without what is thinner than a square of 2 radius + 1 pixels."""
    ground = torch.from_numpy(~np.pad(mask, radius))[None].float()
    eroded = 1 - max_pool2d(ground, 2 * radius + 1, 1)
    return np.asarray(max_pool2d(pad(eroded, [radius] * 4), 2 * radius + 1, 1)[0] > 0)


def eyes(thing: np.ndarray, skull: Box) -> tuple[float, float, float]:
    """(x, y) between the eyes of a head, and how far they are from there: the two spots, as far to the left as to the
    right of the middle, that are most darker than what is between them."""
    size, x = skull.width, skull.middle[0]
    dark = darkness(thing, max(1, round(SPOT * size)))
    best = PLAIN, skull.top + NO_EYES[0] * skull.height, NO_EYES[1] * size
    for y in range(*(round(skull.top + part * skull.height) for part in EYES)):
        for apart in range(*(round(part * size) for part in APART)):
            left, between, right = (dark[y, min(max(round(x + d), 0), dark.shape[1] - 1)] for d in (-apart, 0, apart))
            best = max(best, (float(min(left, right) - between), y, apart))
    return x, best[1], best[2]


def darkness(thing: np.ndarray, radius: int) -> np.ndarray:
    """(h, w) in [0, 1] of premultiplied RGBA over white, each the mean of a square of 2 radius + 1 pixels."""
    shade = (thing[..., 3] - thing[..., :3].astype(np.float32).mean(2)) / 255
    wide = pad(torch.from_numpy(shade)[None], [radius] * 4, mode="replicate")
    return np.asarray(avg_pool2d(wide, 2 * radius + 1, 1)[0])
