"""One painter or school in minutes: the fast engine's weights stay, a few numbers are learned.

    z_i + Δ   where z_i begins with what VGG-19 reads from picture i, and Δ, added to every γ and β, with 0

Each step paints two photos in the manner of a piece of one picture, and corrects z_i and Δ by the same loss as the
engine's own lessons (teaching.py). A z of every picture is kept, not their mean, which would be nobody's hand.
"""

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from danqing.families.style.eyes import Eyes
from danqing.families.style.network import FastPainter
from danqing.families.style.painting import manners
from danqing.families.style.teaching import Lesson, Sight, judged, piece, tensor
from danqing.images.reading import read
from danqing.nn.chance import Chance, derive
from danqing.types import Now

PHOTOS = Path(__file__).parent / "photos"
SIDE = 128
"""of the pieces, pixels"""
AT_ONCE = 2
"""photos of a step"""
RATES = 1e-2, 3e-3
"""Adam's, of z and of Δ (style-transfer fine-tunings use 1e-2 and 1e-3)"""
ANCHOR = 0.05
"""keeps z near what was read: a school of one picture is not learned by heart"""


class Pupil(nn.Module):
    """The numbers that are learned."""

    def __init__(self, manners: torch.Tensor, shifts: int) -> None:
        super().__init__()
        self.read = manners
        self.manners = nn.Parameter(manners.clone())
        self.shift = nn.Parameter(torch.zeros(shifts))

    def of(self, number: int) -> torch.Tensor:
        """(D + M,), as `FastPainter` takes it."""
        return torch.cat([self.manners[number], self.shift])


def pupil(painter: FastPainter, eyes: Eyes, pictures: Sequence[np.ndarray]) -> Pupil:
    with torch.no_grad():
        return Pupil(manners(painter, eyes, [tensor(one) for one in pictures]), painter.shifts)


def learn(
    painter: FastPainter, eyes: Eyes, mine: Pupil, pictures: Sequence[np.ndarray], steps: int, seed: int
) -> Iterator[dict[str, float]]:
    """Improves `mine` step by step; yields style and content, which should fall."""
    sight = Sight(eyes)
    optimizer = torch.optim.Adam(
        [{"params": [mine.manners], "lr": RATES[0]}, {"params": [mine.shift], "lr": RATES[1]}], betas=(0.9, 0.99)
    )
    for step in range(steps):
        chance, rng = Chance("pupil", seed, step), np.random.default_rng(derive("pupil", seed, step))
        member = int(rng.integers(len(pictures)))
        shown = [photos()[int(rng.integers(len(photos())))] for _ in range(AT_ONCE)]
        x = torch.stack([tensor(piece(one, SIDE, rng)) for one in shown])
        wanted = sight.manner(tensor(piece(pictures[member], SIDE, rng)))
        things = [sight.shapes(one) for one in x]
        manner = mine.of(member).expand(AT_ONCE, -1)
        now = Now(step, step / steps, chance)
        _, error = judged(painter, eyes, Lesson(x, things, [wanted] * AT_ONCE, manner), now)
        error = error + ANCHOR * (mine.manners[member] - mine.read[member]).square().mean()
        optimizer.zero_grad(set_to_none=True)
        error.backward()
        for group, rate in zip(optimizer.param_groups, RATES, strict=True):
            group["lr"] = rate * min(1.0, 3 * (1 - step / steps))
        optimizer.step()
        yield {name: float(value) for name, value in now.notes.items()}


@cache
def photos() -> list[np.ndarray]:
    """The photos that come with Danqing to learn a manner on."""
    return [read(path) for path in sorted(PHOTOS.glob("*.webp"))]
