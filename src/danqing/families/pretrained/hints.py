"""Pictures that a ControlNet is led by, computed without any weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageFilter

LOW, HIGH = 0.1, 0.2
"""shares of the strongest slope from which a line goes on, and begins"""


def ready(rgb: np.ndarray) -> np.ndarray:
    """As it is."""
    return rgb


def edges(rgb: np.ndarray) -> np.ndarray:
    """White lines on black, one pixel wide (Canny, IEEE PAMI 8(6), 1986). (H, W, 3) uint8 -> the same."""
    grey = np.asarray(Image.fromarray(rgb).convert("L").filter(ImageFilter.GaussianBlur(1.4)), np.float32)
    down, across = (np.asarray(part) for part in np.gradient(grey))
    slope = np.hypot(across, down)
    ridge = slope * thinnest(slope, across, down)
    lines = joined(ridge > HIGH * slope.max(initial=1e-6), ridge > LOW * slope.max(initial=1e-6))
    return np.repeat((lines * 255).astype(np.uint8)[..., None], 3, axis=2)


def thinnest(slope: np.ndarray, across: np.ndarray, down: np.ndarray) -> np.ndarray:
    """(H, W) bool: where the slope is at least that of its two neighbours uphill and downhill."""
    turn = np.round(np.arctan2(down, across) / (np.pi / 4)).astype(int) % 4
    padded = np.pad(slope, 1)
    high, wide = slope.shape
    keep = np.zeros(slope.shape, bool)
    for number, (dy, dx) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        ahead = padded[1 + dy : 1 + dy + high, 1 + dx : 1 + dx + wide]
        behind = padded[1 - dy : 1 - dy + high, 1 - dx : 1 - dx + wide]
        keep |= (turn == number) & (slope >= ahead) & (slope >= behind)
    return keep


def joined(sure: np.ndarray, maybe: np.ndarray) -> np.ndarray:
    """The pixels of `maybe` that hang together with one of `sure`."""
    while True:
        grown = np.asarray(Image.fromarray(sure).convert("L").filter(ImageFilter.MaxFilter(3))) > 0
        following = grown & maybe
        if (following == sure).all():
            return sure
        sure = following


def scribble(rgb: np.ndarray) -> np.ndarray:
    """Thick soft lines, as drawn by hand: of a drawing on paper its dark strokes, of anything else its edges."""
    grey = np.asarray(Image.fromarray(rgb).convert("L"), np.float32)
    on_paper = np.median(grey) > 200
    lines = ((grey < 128) * 255).astype(np.uint8) if on_paper else edges(rgb)[..., 0]
    thick = Image.fromarray(lines).filter(ImageFilter.MaxFilter(5)).filter(ImageFilter.GaussianBlur(1))
    return np.repeat(np.where(np.asarray(thick) > 96, 255, 0).astype(np.uint8)[..., None], 3, axis=2)


HINTS: dict[str, Callable[[np.ndarray], np.ndarray]] = {"ready": ready, "edges": edges, "scribble": scribble}
"""by name; "ready" is a picture that was prepared elsewhere (depth, pose, …)"""
