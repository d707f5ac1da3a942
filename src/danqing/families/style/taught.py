"""A taught manner: one painter or school, learned from a few pictures, as one file.

    manners (N, D)        what the fast engine's z is for each picture
    shift (M,)            what the school adds to every scale and shift of the engine's norms
    picture/000 …         the pictures themselves, small, as WebP; the optimiser paints from them

A school is not its mean: every seed draws a manner between two of its pictures.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from danqing.checkpoint import load_tensors, save_tensors
from danqing.errors import BadWeightsError
from danqing.images.reading import read
from danqing.nn.chance import derive

KEPT = 512
"""longest side of the pictures that are kept"""
QUALITY = 80
TOWARDS = 0.5
"""how far a drawn manner may lie on the way from one picture's to another's"""


@dataclass(frozen=True, eq=False)
class Taught:
    title: str
    manners: Tensor
    """(N, D)"""
    shift: Tensor
    """(M,)"""
    pictures: Sequence[np.ndarray]
    """N of (H, W, 3) uint8"""
    engine: str
    """first digits of the sha256 of the engine's weights that it was taught with"""
    steps: int
    sha: str = ""
    """first digits of the sha256 of all that the file holds"""

    def drawn(self, seed: int) -> tuple[np.ndarray, Tensor]:
        """One of the pictures and, for the fast engine, a manner (D + M,) between it and another."""
        rng = np.random.default_rng(derive("school", seed))
        one, other = (int(number) for number in rng.integers(len(self.pictures), size=2))
        z = torch.lerp(self.manners[one], self.manners[other], float(rng.uniform(0, TOWARDS)))
        return self.pictures[one], torch.cat([z, self.shift])


def write_taught(path: Path, taught: Taught) -> None:
    """Raises DiskError."""
    pictures = {f"picture/{number:03d}": webp(picture) for number, picture in enumerate(taught.pictures)}
    about = {"title": taught.title, "engine": taught.engine, "steps": taught.steps}
    tensors = {"manners": taught.manners, "shift": taught.shift, **pictures}
    save_tensors(path, tensors, {"taught": json.dumps(about, ensure_ascii=False)})


def read_taught(path: Path) -> Taught:
    """Raises NotFoundError, BadWeightsError."""
    return _read(path.resolve(), path.stat().st_mtime_ns if path.exists() else 0)


@lru_cache(maxsize=8)
def _read(path: Path, stamp: int) -> Taught:
    tensors, notes = load_tensors(path)
    try:
        about = json.loads(notes["taught"])
        names = sorted(name for name in tensors if name.startswith("picture/"))
        pictures = [read(tensors[name].numpy().tobytes()) for name in names]
        made = Taught(
            about["title"], tensors["manners"], tensors["shift"], pictures, about["engine"], about["steps"],
            notes["sha256"][:12],
        )  # fmt: skip
    except (KeyError, ValueError):
        raise BadWeightsError(f"'{path}' holds no taught manner; teach it again with 'danqing teach-style'.") from None
    if len(made.pictures) != len(made.manners) or not pictures:
        raise BadWeightsError(f"'{path}' holds no picture for some of its manners; teach it again.")
    return made


def webp(picture: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> its file's bytes, (n,) uint8."""
    memory = io.BytesIO()
    Image.fromarray(picture).save(memory, "WEBP", quality=QUALITY)
    return torch.from_numpy(np.frombuffer(memory.getvalue(), np.uint8).copy())
