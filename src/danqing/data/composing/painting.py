"""One colour of a picture replaced by another, in OKLab, where light and shade can be kept while the colour goes.

Reference: Ottosson, "A perceptual color space for image processing" (OKLab), 2020.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np

from danqing.data.clipart.colouring import colour_words, oklab
from danqing.data.composing.composition import Lch, Paint
from danqing.words.colours import COLOURS

GREY = 0.045
"""chroma below which a pixel has no colour"""
NEAR = 40.0
"""degrees of hue that belong to one colour"""
RANGE = 0.27
"""of lightness that belongs to one grey"""
BINS = 36
SEEN = 64
"""pixels of a side that are enough to find and name colours"""
_TO_CONES = np.array([
    [1.0, 0.3963377774, 0.2158037573], [1.0, -0.1055613458, -0.0638541728], [1.0, -0.0894841775, -1.2914855480],
], np.float32)  # fmt: skip
_TO_RGB = np.array([
    [4.0767416621, -3.3077115913, 0.2309699292],
    [-1.2684380046, 2.6097574011, -0.3413193965],
    [-0.0041960863, -0.7034186147, 1.7076147010],
], np.float32)  # fmt: skip


@dataclass(frozen=True)
class Ruler:
    """The colour that rules a picture."""

    lch: Lch
    share: float
    """of the painted area"""
    rest: float
    """share of the painted area that has other colours"""


def ruler(rgba: np.ndarray) -> Ruler | None:
    """The colour with the largest area; None where nothing is painted. (H, W, 4) uint8, premultiplied alpha."""
    step = max(rgba.shape[0] // SEEN, 1)
    points = rgba[::step, ::step].reshape(-1, 4)
    points = points[points[:, 3] > 127]
    if not len(points):
        return None
    lab = oklab(points[:, :3] / points[:, 3:].astype(np.float32))
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    coloured = chroma > GREY
    if 2 * coloured.sum() < len(lab):
        return _grey_ruler(lab, coloured)
    hues = np.degrees(np.arctan2(lab[:, 2], lab[:, 1]))[coloured]
    peak = _peak(hues)
    mine = np.zeros(len(lab), bool)
    mine[coloured] = np.abs((hues - peak + 180) % 360 - 180) < NEAR
    return Ruler(_mean(lab[mine]), float(mine.mean()), float((coloured & ~mine).mean()))


def _grey_ruler(lab: np.ndarray, coloured: np.ndarray) -> Ruler:
    """The greys within RANGE of the commonest lightness."""
    light = lab[~coloured, 0]
    counts, edges = np.histogram(light, 20, (0.0, 1.0))
    best = int(np.convolve(counts, np.ones(5), "same").argmax())
    centre = float(edges[best] + edges[best + 1]) / 2
    mine = ~coloured & (np.abs(lab[:, 0] - centre) < RANGE / 2)
    return Ruler((float(lab[mine, 0].mean()), 0.0, 0.0), float(mine.mean()), float(coloured.mean()))


def _peak(hues: np.ndarray) -> float:
    """The commonest hue in degrees; neighbours count, also across the end of the circle."""
    counts = np.bincount((hues // (360 / BINS)).astype(int) % BINS, minlength=BINS)
    smooth = counts + np.roll(counts, 1) + np.roll(counts, -1)
    return (int(smooth.argmax()) + 0.5) * 360 / BINS


def _mean(lab: np.ndarray) -> Lch:
    light, a, b = (float(value) for value in lab.mean(0))
    return light, math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


@cache
def anchor(word: str) -> Lch:
    """The colour that a word stands for."""
    return _mean(oklab(np.array([COLOURS[word]]) / 255))


def paint_as(rgba: np.ndarray, word: str, rng: np.random.Generator, tries: int = 3) -> Paint | None:
    """How to give a picture this colour, a little different each time; None where the result would not be called so.

    The picture is (H, W, 4) uint8 with premultiplied alpha and should be ruled by one colour.
    """
    step = max(rgba.shape[0] // SEEN, 1)
    rgba = np.ascontiguousarray(rgba[::step, ::step])
    found = ruler(rgba)
    for _ in range(tries if found else 0):
        assert found is not None
        light, chroma, hue = anchor(word)
        target = (
            light + float(rng.uniform(-0.04, 0.04)),
            chroma * float(rng.uniform(0.9, 1.15)) if chroma > GREY else 0.0,
            hue + float(rng.uniform(-7, 7)),
        )
        paint = Paint(found.lch, target, word)
        if colour_words(painted(rgba, paint))[:1] == [word]:
            return paint
    return None


def in_colour(rgba: np.ndarray, word: str, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 4) uint8 with premultiplied alpha, H and W even -> the same in that colour, as well as its lights and
    shades allow; as it is where it is called so already, or where nothing is painted."""
    found = ruler(rgba)
    if found is None or colour_words(rgba)[:1] == [word]:
        return rgba
    return painted(rgba, paint_as(rgba, word, rng) or Paint(found.lch, anchor(word), word), deep=True)


def painted(rgba: np.ndarray, paint: Paint, deep: bool = False) -> np.ndarray:
    """(H, W, 4) uint8 with premultiplied alpha -> the same, painted. Other colours, eyes and outlines stay.

    `deep`: where a light grey becomes darker, what lies between it and its outlines does too: no pale rings.
    """
    made = rgba.copy()
    seen = rgba[..., 3] > 0
    points = rgba[seen]
    alpha = points[:, 3:].astype(np.float32)
    lab = _lab(points[:, :3] / alpha)
    made_lab = _repainted(lab, paint)
    rgb = _rgb(_deepened(lab, made_lab, paint) if deep else made_lab)
    made[seen, :3] = np.minimum(rgb * alpha + 0.5, alpha).astype(np.uint8)
    return made


def _repainted(lab: np.ndarray, paint: Paint) -> np.ndarray:
    """(n, 3) OKLab -> the same with the colour replaced, softly towards its borders."""
    light, chroma, hue = paint.source
    to_light, to_chroma, to_hue = paint.target
    toward = np.array([math.cos(math.radians(to_hue)), math.sin(math.radians(to_hue))], np.float32)
    mine, along, across = _greys(lab, light) if chroma < GREY else _colours(lab, chroma, hue)
    contrast = 0.6 if to_chroma < GREY else 1.0
    wanted = np.empty_like(lab)
    wanted[:, 0] = _compressed(to_light, (lab[:, 0] - light) * contrast)
    fade = 1 - np.clip((wanted[:, 0] - 0.85) / 0.3, 0, 0.7)  # near white there is no room for colour
    wanted[:, 1:] = to_chroma * fade[:, None] * (along[:, None] * toward + across[:, None] * toward[::-1] * [-1, 1])
    return lab + mine[:, None] * (wanted - lab)


def _deepened(lab: np.ndarray, made: np.ndarray, paint: Paint) -> np.ndarray:
    """Greys darker than the one that was painted over, no lighter than it has become."""
    light, chroma, _ = paint.source
    if chroma >= GREY or paint.target[0] >= light:
        return made
    grey = _smooth((2.2 * GREY - np.hypot(lab[:, 1], lab[:, 2])) / GREY) * (lab[:, 0] < light)
    most = lab[:, 0] * paint.target[0] / light
    made = made.copy()
    made[:, 0] += grey * (np.minimum(made[:, 0], most) - made[:, 0])
    return made


def _compressed(centre: float, offset: np.ndarray) -> np.ndarray:
    """centre + offset, bent so that it stays within 0.05 .. 0.99."""
    up, down = max(0.99 - centre, 0.01), max(centre - 0.05, 0.01)
    room = np.where(offset > 0, up, down)
    bent: np.ndarray = centre + room * np.tanh(offset / room)
    return bent


def _colours(lab: np.ndarray, chroma: float, hue: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far each pixel belongs to the colour, 0 .. 1, and its chroma along and across the hue, by `chroma`."""
    cosine, sine = math.cos(math.radians(hue)), math.sin(math.radians(hue))
    along = (lab[:, 1] * cosine + lab[:, 2] * sine) / chroma
    across = (lab[:, 2] * cosine - lab[:, 1] * sine) / chroma
    strength = np.hypot(along, across)
    near = _smooth((along / np.maximum(strength, 1e-4) - 0.6) / 0.2)
    return near * _smooth((strength - 0.1) / 0.25), along, 0.5 * across


def _greys(lab: np.ndarray, light: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    far = np.abs(lab[:, 0] - light)
    mine = _smooth((RANGE - far) / 0.1) * _smooth((2.2 * GREY - np.hypot(lab[:, 1], lab[:, 2])) / GREY)
    return mine, np.ones_like(mine), np.zeros_like(mine)


def _smooth(x: np.ndarray) -> np.ndarray:
    x = np.clip(x, 0, 1)
    eased: np.ndarray = x * x * (3 - 2 * x)
    return eased


def _lab(rgb: np.ndarray) -> np.ndarray:
    """As `oklab`, in single precision and by table: four times faster."""
    linear = _linear()[(rgb * 1023 + 0.5).astype(np.int32)]
    return (np.cbrt(linear @ _cones().T) @ _lab_of_cones().T).astype(np.float32)


def _rgb(lab: np.ndarray) -> np.ndarray:
    """(n, 3) OKLab -> sRGB in 0 .. 1; colours that a screen lacks are clipped."""
    linear = np.clip((lab.astype(np.float32) @ _TO_CONES.T) ** 3 @ _TO_RGB.T, 0, 1)
    return _gamma()[(np.sqrt(linear) * 1023 + 0.5).astype(np.int32)]


@cache
def _linear() -> np.ndarray:
    x = np.arange(1024) / 1023
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4).astype(np.float32)


@cache
def _gamma() -> np.ndarray:
    """sRGB by the square root of the linear value, which spreads the dark steps."""
    x = (np.arange(1024) / 1023) ** 2
    return np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055).astype(np.float32)


@cache
def _cones() -> np.ndarray:
    inverse: np.ndarray = np.linalg.inv(_TO_RGB.astype(np.float64)).astype(np.float32)
    return inverse


@cache
def _lab_of_cones() -> np.ndarray:
    inverse: np.ndarray = np.linalg.inv(_TO_CONES.astype(np.float64)).astype(np.float32)
    return inverse
