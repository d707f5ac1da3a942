"""Exemplars that are drawn by a formula: paper-cut, pen, ink, watercolour, mosaic, stained glass.

An exemplar only has to show a manner: its marks, edges and palette; what it depicts does not matter. All are made from
fields of smooth noise, so every part of them shows the whole manner. Pictures are (S, S, 3) float in [0, 1].
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

RED, CREAM = (0.78, 0.07, 0.10), (0.98, 0.95, 0.88)


def smooth(rng: np.random.Generator, size: int, grain: float) -> np.ndarray:
    """(S, S) noise whose blobs are about `grain` wide, shares of the side; evenly spread over [0, 1]."""
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)[None]) * size * grain
    field = np.fft.ifft2(np.fft.fft2(rng.normal(size=(size, size))) * np.exp(-(frequency**2))).real
    ranks = np.empty(field.size)
    ranks[np.argsort(field, axis=None)] = np.linspace(0, 1, field.size)
    return ranks.reshape(size, size)


def over(ground: np.ndarray, colour: Sequence[float] | np.ndarray, cover: np.ndarray) -> np.ndarray:
    """A colour over (S, S, 3), by how much it covers (S, S) in [0, 1]."""
    return ground + (np.asarray(colour) - ground) * cover[..., None]


def step(field: np.ndarray, at: float, width: float) -> np.ndarray:
    """0 below `at`, 1 above, with a slope that is `width` wide."""
    return np.clip((field - at) / width + 0.5, 0, 1)


def blurred(field: np.ndarray, radius: float) -> np.ndarray:
    """(S, S) by a Gaussian, its edges meeting."""
    frequency = [np.fft.fftfreq(side) for side in field.shape]
    filter_ = np.exp(-2 * (np.pi * radius) ** 2 * (frequency[0][:, None] ** 2 + frequency[1][None] ** 2))
    return np.fft.ifft2(np.fft.fft2(field) * filter_).real


def cells(rng: np.random.Generator, size: int, across: int, jitter: float) -> tuple[np.ndarray, np.ndarray]:
    """(S, S) number of the nearest of across² jittered points, and how much nearer than the second, in pixels."""
    step_ = size / across
    where = np.stack(np.meshgrid(np.arange(-1, across + 1), np.arange(-1, across + 1), indexing="ij"), -1)
    points = (where + 0.5 + rng.uniform(-jitter, jitter, where.shape)) * step_
    grid = np.mgrid[:size, :size].transpose(1, 2, 0)
    home = (grid / step_).astype(int) + 1
    distances, numbers = [], []
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            y, x = np.clip(home[..., 0] + dy, 0, across + 1), np.clip(home[..., 1] + dx, 0, across + 1)
            distances.append(np.linalg.norm(grid - points[y, x], axis=-1))
            numbers.append(y * (across + 2) + x)
    near = np.sort(np.stack(distances), 0)
    return np.take_along_axis(np.stack(numbers), np.argmin(distances, 0)[None], 0)[0], near[1] - near[0]


def paper_cut(rng: np.random.Generator, size: int) -> np.ndarray:
    """Sheets of coloured paper with cut edges, each casting a shadow on the one below."""
    made = np.ones((size, size, 3)) * CREAM
    for colour in ((0.95, 0.75, 0.35), RED, (0.55, 0.03, 0.07), CREAM, RED):
        field = np.abs(smooth(rng, size, 0.11) - 0.5) * 2
        sheet = step(field, 0.62, 0.012)
        shadow = blurred(np.roll(sheet, (size // 90, size // 120), (0, 1)), size / 150)
        made = over(over(made, (0.15, 0.05, 0.05), 0.45 * shadow * (1 - sheet)), colour, sheet)
    return made


def pen(rng: np.random.Generator, size: int) -> np.ndarray:
    """Black lines on paper, crossing more often where it is darker."""
    dark, wave = smooth(rng, size, 0.12), (smooth(rng, size, 0.2) - 0.5) * size * 0.05
    y, x = np.mgrid[:size, :size]
    made, gap = np.ones((size, size, 3)) * (0.97, 0.96, 0.93), size / 85
    for number, angle in enumerate((0.8, 2.3, 1.5, 0.1)):
        along = x * np.cos(angle) + y * np.sin(angle) + wave + (smooth(rng, size, 0.02) - 0.5) * gap * 0.5
        line = step(np.abs((along / gap) % 1 - 0.5) * 2, 0.72, 0.35)
        made = over(made, (0.07, 0.06, 0.08), line * step(dark, 0.25 + 0.2 * number, 0.08))
    outline = step(1 - np.abs(dark - 0.5) * 40, 0.3, 0.6)
    return over(made, (0.05, 0.05, 0.06), outline)


def ink(rng: np.random.Generator, size: int) -> np.ndarray:
    """Chinese ink on wet rice paper: washes with soft feet, a few dry strokes."""
    fibres = smooth(rng, size, 0.006)
    made = np.ones((size, size, 3)) * (0.94, 0.92, 0.87) - 0.03 * fibres[..., None]
    for at, tone in ((0.55, 0.25), (0.72, 0.35), (0.86, 0.6)):
        field = smooth(rng, size, 0.11) + 0.10 * (smooth(rng, size, 0.02) - 0.5)
        made = over(made, (0.10, 0.10, 0.12), tone * (0.6 * step(field, at, 0.25) + 0.4 * step(field, at + 0.04, 0.02)))
    stroke = np.abs(smooth(rng, size, 0.16) - 0.5) + 0.05 * (smooth(rng, size, 0.008) - 0.5)
    return over(made, (0.04, 0.04, 0.05), 0.9 * step(-stroke, -0.022, 0.012) * step(fibres, 0.15, 0.3))


def watercolour(rng: np.random.Generator, size: int) -> np.ndarray:
    """Transparent washes that run into each other, darker where they dried at their rim."""
    grain = smooth(rng, size, 0.008)
    made = np.ones((size, size, 3)) * (0.99, 0.98, 0.95)
    for colour in ((0.20, 0.45, 0.75), (0.90, 0.55, 0.20), (0.35, 0.60, 0.35), (0.80, 0.30, 0.40), (0.45, 0.35, 0.65)):
        field = smooth(rng, size, 0.14) + 0.05 * (smooth(rng, size, 0.02) - 0.5)
        wash = step(field, 0.62, 0.015) * (0.35 + 0.35 * smooth(rng, size, 0.09)) * (0.85 + 0.3 * grain)
        rim = np.exp(-(((field - 0.635) / 0.012) ** 2)) * 0.35
        made = made * (1 - (wash + rim).clip(0, 0.9)[..., None] * (1 - np.asarray(colour)))
    return made - 0.02 * grain[..., None]


def mosaic(rng: np.random.Generator, size: int) -> np.ndarray:
    """Small stones in mortar, each of one colour with a little light."""
    number, border = cells(rng, size, 34, 0.28)
    field, tone = smooth(rng, size, 0.15), rng.uniform(-0.09, 0.09, (number.max() + 1, 1))
    palette = np.array(
        [(0.13, 0.25, 0.48), (0.20, 0.50, 0.60), (0.85, 0.72, 0.40), (0.70, 0.25, 0.18), (0.93, 0.90, 0.80)]
    )
    middle = np.bincount(number.ravel(), field.ravel()) / np.maximum(1, np.bincount(number.ravel()))
    stones = palette[(middle[number] * 4.999).astype(int)] + tone[number]
    light = np.clip(border / (size / 34), 0, 1)[..., None] * 0.12
    return over(stones + light - 0.05, (0.55, 0.52, 0.47), 1 - step(border, size / 220, size / 350))


def stained_glass(rng: np.random.Generator, size: int) -> np.ndarray:
    """Bright panes between lead."""
    number, border = cells(rng, size, 11, 0.42)
    palette = np.array(
        [
            (0.75, 0.08, 0.12),
            (0.10, 0.25, 0.70),
            (0.95, 0.75, 0.15),
            (0.10, 0.55, 0.30),
            (0.50, 0.20, 0.60),
            (0.30, 0.70, 0.85),
        ]
    )
    panes = palette[rng.integers(0, len(palette), number.max() + 1)][number]
    glow = 0.75 + 0.45 * smooth(rng, size, 0.05) + 0.1 * (smooth(rng, size, 0.01) - 0.5)
    return over(panes * glow[..., None], (0.05, 0.05, 0.06), 1 - step(border, size / 75, size / 300))


DRAWINGS: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "paper-cut": paper_cut,
    "pen": pen,
    "ink": ink,
    "watercolour": watercolour,
    "mosaic": mosaic,
    "stained-glass": stained_glass,
}


def drawn(name: str, size: int, seed: int = 0) -> np.ndarray:
    """(size, size, 3) uint8."""
    return np.rint(np.clip(DRAWINGS[name](np.random.default_rng(seed), size), 0, 1) * 255).astype(np.uint8)
