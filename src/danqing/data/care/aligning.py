"""Do two small pictures show the same, when one may be cut, lighter, smaller or compressed?"""

from collections.abc import Iterator

import numpy as np
from PIL import Image

SIDE = 48
"""pixels at which two are laid over each other: what compression changes is finer"""
CUTS = (0.975, 0.95, 0.92)
"""shares of a side that a copy may have been cut to"""


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """-1 .. 1 of two pictures (S, S, 3) uint8, at the best of some places and sizes, every colour for itself."""
    best = -1.0
    for a, b in ((one, other), (other, one)):
        whole = window(a, (0.0, 0.0, a.shape[1], a.shape[0]))
        best = max(best, *(float(whole @ window(b, box)) for box in boxes(b.shape[0])))
    return best


def boxes(side: int) -> Iterator[tuple[float, float, float, float]]:
    """The whole, and of each cut its nine places."""
    yield 0.0, 0.0, side, side
    for cut in CUTS:
        room = side * (1 - cut)
        for left in (0.0, room / 2, room):
            for top in (0.0, room / 2, room):
                yield left, top, left + side * cut, top + side * cut


def window(picture: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """(SIDE x SIDE x 3,) of a part of it, each colour's mean taken away, length 1; zeros for a plain one."""
    part = Image.fromarray(picture).resize((SIDE, SIDE), Image.Resampling.BOX, box=box)
    values = np.asarray(part, float).reshape(-1, 3)
    values = (values - values.mean(0)).ravel()
    return values / max(1e-9, float(np.linalg.norm(values)))
