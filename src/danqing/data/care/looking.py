"""What is known of one file: can it be read, how large, how sharp, what does it look like from afar.

Sharpness is how much of the steps from pixel to pixel is lost when the picture is blurred once more (Crete et al.,
"The blur effect", SPIE 6492, 2007): a sharp picture loses most, one that is blurred already hardly any.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from danqing.data.shelves import Shelf
from danqing.errors import NotFoundError
from danqing.images.reading import BadPictureError, Limits, read
from danqing.images.resizing import fit_square

THUMB = 96
"""side of the small picture that is kept, pixels"""
FAR = 24
"""side of the far look, pixels: small enough that JPEG, size and light leave it as it is"""
LONGEST = 512
"""side at which sharpness is measured: what is finer, few models learn"""
SMEAR = 9
"""pixels that the second blur reaches over"""
SAME = 6
"""levels of 255 that count as the same colour in a blank picture"""


@dataclass(frozen=True, eq=False)
class Looked:
    """One file. Of one that cannot be read only the name and the reason are known."""

    name: str
    reason: str = ""
    """why it cannot be read"""
    width: int = 0
    height: int = 0
    file_sha256: str = ""
    pixels_sha256: str = ""
    blur: float = 0.0
    """0 sharp .. 1 blurred"""
    plain: float = 0.0
    """share of the pixels that have the picture's middle colour"""
    colour: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """mean red, green, blue, 0 .. 1"""
    contrast: float = 0.0
    """standard deviation of the brightness, 0 .. 0.5"""
    far: np.ndarray | None = None
    """(FAR x FAR,) grey, mean 0, length 1: the product of two is their correlation"""
    thumb: np.ndarray | None = None
    """(THUMB, THUMB, 3) uint8, the middle of the picture"""


def look(shelf: Shelf, name: str, limits: Limits = Limits()) -> Looked:
    """Never raises for what is in the file."""
    try:
        content = shelf.content(name)
        data = content if isinstance(content, bytes) else content.read_bytes()
        pixels = read(data, limits)
    except BadPictureError as error:
        return Looked(name, error.reason)
    except (NotFoundError, OSError) as error:
        return Looked(name, f"the file cannot be opened ({error})")
    grey = within(pixels @ np.array([0.299, 0.587, 0.114]), LONGEST)
    middle = np.median(pixels.reshape(-1, 3), axis=0)
    return Looked(
        name,
        "",
        pixels.shape[1],
        pixels.shape[0],
        hashlib.sha256(data).hexdigest(),
        hashlib.sha256(str(pixels.shape).encode() + pixels.tobytes()).hexdigest(),
        blur_of(grey),
        float((np.abs(pixels - middle).max(2) <= SAME).mean()),
        tuple((pixels.reshape(-1, 3).mean(0) / 255).tolist()),
        float(grey.std() / 255),
        far_look(grey),
        np.asarray(fit_square(pixels, THUMB)),
    )


def within(grey: np.ndarray, longest: int) -> np.ndarray:
    """(H, W) float, made smaller where a side is longer."""
    factor = longest / max(grey.shape)
    if factor >= 1:
        return grey
    size = tuple(max(1, round(side * factor)) for side in grey.shape[::-1])
    return np.asarray(Image.fromarray(grey.astype(np.float32)).resize(size, Image.Resampling.BOX))


def blur_of(grey: np.ndarray) -> float:
    """(H, W) 0 .. 255 -> 0 .. 1, the less sharp direction; 0 for a picture without any step."""
    return max(_blur(grey), _blur(grey.T))


def _blur(grey: np.ndarray) -> float:
    """Along the columns (Crete et al. 2007, eqs. 1 to 6)."""
    reach = SMEAR // 2
    padded = np.pad(grey, ((reach + 1, reach), (0, 0)), mode="edge").cumsum(0, dtype=np.float64)
    again = (padded[SMEAR:] - padded[:-SMEAR]) / SMEAR
    steps, left = np.abs(np.diff(grey, axis=0)), np.abs(np.diff(again, axis=0))
    total = float(steps.sum())
    return 1 - float(np.maximum(0, steps - left).sum()) / total if total > 0 else 0.0


def far_look(grey: np.ndarray) -> np.ndarray:
    """(H, W) -> (FAR x FAR,)."""
    small = np.asarray(Image.fromarray(grey.astype(np.float32)).resize((FAR, FAR), Image.Resampling.BOX)).ravel()
    small = small - small.mean()
    return small / max(1e-9, float(np.linalg.norm(small)))
