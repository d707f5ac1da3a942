"""How the fast engine learns: pieces of photos and of paintings, and VGG-19, which says how well each was painted.

    loss = STYLE Σ_l log(1 + D(moments_l(y); moments_l(s))) / L
         + CONTENT ‖n(f(y)) - n(f(x))‖² + OWN |x - x̂| + SMOOTH TV(y)

y = painter(x, z(s)) for a photo x and a painting s; n takes mean and deviation of every channel away, so that a photo
may change its palette. Some photos are to be painted in their own manner, x̂ = painter(x, z(x)): what is asked for is
what is there (Park & Lee, arXiv 1812.02342). Distances are in units of the wanted style's, so dark, flat and busy
paintings are learned together; the logarithm keeps a piece that is nearly nothing from drowning the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from danqing.families.style.colours import recoloured
from danqing.families.style.eyes import Eyes
from danqing.families.style.measures import Moments, both_distance, moments, normalised, total_variation
from danqing.families.style.network import SEEN, FastPainter, numbers_of
from danqing.images.arrays import to_floats
from danqing.nn.chance import derive
from danqing.settings import check_least
from danqing.types import Batch, Now

STYLE, CONTENT, OWN, SMOOTH = 40.0, 1.0, 5.0, 0.5
CONTENTS = {"conv4_1": 1.0, "conv3_1": 0.5}
IN_OWN = 0.12
"""share of photos that are painted in their own manner"""
SPREAD = 0.1
"""noise on the manner in training, so that neighbouring manners paint alike"""
PAINTED = 0.1
"""share of "photos" that are pieces of paintings"""
SMALLEST = 0.25
"""of a picture's shorter side is the smallest piece that is cut"""
RECOLOURED = 0.3
"""share of paintings that get another one's palette: many more styles from few"""


@dataclass(frozen=True)
class TeachingRecipe:
    """A table of recipes.toml."""

    minutes: float
    crop: int = 128
    """side of the pieces, pixels"""
    pieces: int = 4000
    """pieces of photos that are cut, once; half as many of paintings. What VGG-19 sees of them is kept in memory"""
    photos: int = 2
    """photos that are painted in each manner of a step; the batch is a multiple of it"""
    model: dict[str, Any] = field(default_factory=dict)
    train: dict[str, Any] = field(default_factory=dict)
    """as in TrainSettings; the batch counts photos"""

    def __post_init__(self) -> None:
        check_least(32, crop=self.crop)
        check_least(2, pieces=self.pieces)
        check_least(1, photos=self.photos)


@dataclass(frozen=True, eq=False)
class Studies:
    """Which pieces a step sees: a pure function of (seed, step); every process takes its share of the photos."""

    photos: Sequence[np.ndarray]
    """(H, W, 3) uint8, any sizes"""
    paintings: Sequence[np.ndarray]
    recipe: TeachingRecipe
    batch: int
    seed: int
    device: str = "cpu"

    @cached_property
    def small(self) -> list[Tensor]:
        """The paintings at 64 px, for their palettes."""
        return [tensor(np.asarray(Image.fromarray(one).resize((64, 64)))) for one in self.paintings]

    def at(self, step: int) -> Batch:
        """Photos (B, 3, S, S) and, as `style`, paintings (B / per, 3, S, S), all in [-1, 1], and their numbers."""
        rng = self.chance("step", step)
        photos = rng.integers(self.recipe.pieces, size=self.batch).tolist()
        styles = rng.integers(self.recipe.pieces // 2, size=self.batch // self.recipe.photos).tolist()
        pictures = torch.stack([self.photo(number) for number in photos])
        given = {
            "number": torch.tensor(photos),
            "style": torch.stack([self.painting(number) for number in styles]).to(self.device),
            "style_number": torch.tensor(styles),
        }
        return Batch(pictures.to(self.device), None, given)

    def photo(self, number: int) -> Tensor:
        """(3, S, S); some are pieces of paintings, which are to be painted anew too."""
        rng = self.chance("photo", number)
        shown = self.paintings if rng.random() < PAINTED else self.photos
        return tensor(piece(shown[int(rng.integers(len(shown)))], self.recipe.crop, rng))

    def painting(self, number: int) -> Tensor:
        """(3, S, S), sometimes in the palette of another painting, or in other colours altogether."""
        rng = self.chance("painting", number)
        made = tensor(piece(self.paintings[int(rng.integers(len(self.paintings)))], self.recipe.crop, rng))
        how = rng.random()
        if how < RECOLOURED:
            return recoloured(made, self.small[int(rng.integers(len(self.small)))])
        return made[torch.from_numpy(rng.permutation(3))] if how < RECOLOURED + 0.1 else made

    def chance(self, what: str, number: int) -> np.random.Generator:
        return np.random.default_rng(derive("studies", self.seed, what, number))


def piece(picture: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """(side, side, 3) of a square of at least SMALLEST of the shorter side, perhaps mirrored or turned."""
    height, width = picture.shape[:2]
    shorter = min(height, width)
    cut = max(min(side, shorter), round(shorter * rng.uniform(SMALLEST, 1)))
    top, left = rng.integers(height - cut + 1), rng.integers(width - cut + 1)
    square = Image.fromarray(picture[top : top + cut, left : left + cut])
    made = np.asarray(square.resize((side, side), Image.Resampling.BILINEAR, reducing_gap=2.0))
    made = made[:, ::-1] if rng.random() < 0.5 else made
    return np.ascontiguousarray(np.rot90(made, int(rng.integers(4))) if rng.random() < 0.2 else made)


def tensor(picture: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) in [-1, 1]."""
    return torch.from_numpy(to_floats(picture.transpose(2, 0, 1)))


@dataclass(frozen=True, eq=False)
class Sight:
    """VGG-19, and what it has seen of the pieces so far: each comes back often, and looking is half of the work."""

    eyes: Eyes
    things: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    """photo -> content layer -> features (C, h, w), normalised, in half precision"""
    manners: dict[int, dict[str, Moments]] = field(default_factory=dict)
    """painting -> style layer -> statistics, in half precision"""

    @torch.no_grad()
    def content(self, pictures: Tensor, numbers: Sequence[int]) -> list[dict[str, Tensor]]:
        """Of each photo of a batch (B, 3, S, S)."""
        for picture, number in zip(pictures, numbers, strict=True):  # one by one, so that a resumed run sees the same
            if number not in self.things:
                self.things[number] = {k: h.half() for k, h in self.shapes(picture).items()}
        return [{k: h.float() for k, h in self.things[number].items()} for number in numbers]

    @torch.no_grad()
    def style(self, pictures: Tensor, numbers: Sequence[int]) -> list[dict[str, Moments]]:
        """Of each painting of a batch (B, 3, S, S)."""
        for picture, number in zip(pictures, numbers, strict=True):
            if number not in self.manners:
                found = self.manner(picture)
                self.manners[number] = {k: Moments(one.mean, one.second.half()) for k, one in found.items()}
        return [
            {k: Moments(one.mean, one.second.float()) for k, one in self.manners[number].items()} for number in numbers
        ]

    @torch.no_grad()
    def shapes(self, picture: Tensor) -> dict[str, Tensor]:
        return {k: normalised(h) for k, h in self.eyes(picture, CONTENTS).items()}

    @torch.no_grad()
    def manner(self, picture: Tensor) -> dict[str, Moments]:
        return {k: moments(h) for k, h in self.eyes(picture, SEEN).items()}


def teaching_loss(painter: FastPainter, sight: Sight, batch: Batch, now: Now) -> Tensor:
    x, paintings, rows = batch.pictures, batch.given["style"], len(batch.pictures)
    per = rows // len(paintings)
    photo = sight.content(x, batch.given["number"].tolist())
    style = sight.style(paintings, batch.given["style_number"].tolist())
    own = now.chance.keep(IN_OWN, rows)
    aims = [sight.manner(x[row]) if own[row] else style[row // per] for row in range(rows)]
    manner = painter.reader(torch.stack([numbers_of(aim) for aim in aims]))
    manner = manner + SPREAD * now.chance.normal_like(manner)
    y, error = judged(painter, sight.eyes, Lesson(x, photo, aims, manner), now)
    same = ((y - x).abs().flatten(1).mean(1) * own.to(x)).mean()
    return error + OWN * same


@dataclass(frozen=True, eq=False)
class Lesson:
    """Photos, and what is wanted of them."""

    photos: Tensor
    """(B, 3, S, S)"""
    things: Sequence[Mapping[str, Tensor]]
    """of each photo: content layer -> features, normalised"""
    aims: Sequence[Mapping[str, Moments]]
    """of each photo: style layer -> statistics that are wanted"""
    manner: Tensor
    """(B, D), as `FastPainter` takes it"""


def judged(painter: FastPainter, eyes: Eyes, lesson: Lesson, now: Now) -> tuple[Tensor, Tensor]:
    """The photos painted, and how far they are from what is wanted."""
    x, rows = lesson.photos, len(lesson.photos)
    noise = now.chance.normal(rows, painter.config.noise, x.shape[2] // 2 + 16, x.shape[3] // 2 + 16)
    y = painter(x, lesson.manner, noise.to(x))
    made = eyes.many(y, {*SEEN, *CONTENTS})
    strokes, things = x.new_zeros(()), x.new_zeros(())
    for row in range(rows):
        for k in SEEN:
            strokes = strokes + both_distance(moments(made[k][row]), lesson.aims[row][k]).log1p()
        for k, weight in CONTENTS.items():
            things = things + weight * F.mse_loss(normalised(made[k][row]), lesson.things[row][k])
    now.notes.update(style=strokes.detach() / rows / len(SEEN), content=things.detach() / rows)
    return y, (STYLE * strokes / len(SEEN) + CONTENT * things) / rows + SMOOTH * total_variation(y)
