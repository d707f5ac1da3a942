"""Teach the fast engine of style transfer from a folder of photos and one of paintings.

    OUT/training/    training state and log
    OUT/styler/      what paints: weights in fp16, and their card

Ctrl+C keeps everything; the same command goes on.
"""

from collections.abc import Generator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from danqing import settings
from danqing.api.act import act
from danqing.api.models import software
from danqing.api.schooling import How, PartRun, Schooled, averaged
from danqing.api.stylizing import SUFFIXES, eyes, within
from danqing.errors import unknown
from danqing.families.style.network import FastConfig, FastPainter, look_at
from danqing.families.style.recipes import recipes
from danqing.families.style.shipping import FAMILY, write_styler
from danqing.families.style.teaching import Studies, TeachingRecipe, teaching_loss, tensor
from danqing.families.text2image.recipes import PartSettings
from danqing.images.reading import read
from danqing.nn import precision
from danqing.nn.chance import derive, generator
from danqing.types import Card, Phase, Progress

LONGEST = 512
"""pixels of a side that are kept in memory"""
HELD_OUT = 0.1
"""share of the paintings that nothing is learned from"""


@act
def train_styler(
    photos: str | Path,
    paintings: str | Path,
    recipe: str = "cpu",
    *,
    minutes: float | None = None,
    out: str | Path = "runs/styler",
    seed: int = 0,
    device: str | None = None,
) -> Generator[Progress, None, Schooled]:
    """Teach the fast engine; what is there already is gone on with. A tenth of the paintings is held out.

    Raises NotFoundError (a recipe), BadInputError for folders without pictures, DiskError.
    """
    folder, plans = Path(out), recipes()
    if recipe not in plans:
        raise unknown("recipe of the styler", recipe, plans)
    how = How(seed, device or precision.best_device(), budget={"minutes": minutes} if minutes else {})
    learned, _ = parted(files_in(Path(paintings)), seed)
    shown, models = [loaded(path) for path in files_in(Path(photos))], [loaded(path) for path in learned]
    yield Progress("train", 0.0, message=f"{len(shown)} photos, {len(models)} paintings.")
    run = styler_run(folder / "training", plans[recipe], shown, models, how)
    yield from run.from_where_it_stopped()
    write_styler(folder / "styler", learned_styler(folder / "training"), card_of(folder, plans[recipe], learned, seed))
    return Schooled(
        folder, f"The styler is in '{folder / 'styler'}'; stylize with --engine fast --model {folder}/styler."
    )


def card_of(folder: Path, plan: TeachingRecipe, paintings: Sequence[Path], seed: int) -> Card:
    _, state = averaged(folder / "training")
    taken = state["trainer"]
    return Card(
        name="styler", family=FAMILY, preset="fast", config=state["config"], train=state["train"],
        data={"name": "photos and paintings", "paintings": [path.name for path in paintings]}, seed=seed,
        steps=taken["step"], pictures_seen=taken["pictures"], seconds=round(taken["seconds"], 1),
        parameters=sum(value.numel() for value in averaged(folder / "training")[0].values()), software=software(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )  # fmt: skip


def styler_run(
    folder: Path, plan: TeachingRecipe, photos: Sequence[np.ndarray], paintings: Sequence[np.ndarray], how: How
) -> PartRun:
    config = settings.read(FastConfig, plan.model, "the recipe of the styler")
    torch.manual_seed(derive("styler", how.seed))
    painter, sight = FastPainter(config), eyes("max")
    painter.reader.fit(look_at(sight, [tensor(within(one, 256)) for one in paintings]))
    sight.to(how.device)
    phases = [Phase("styler", painter, partial(teaching_loss, painter, sight))]
    studies: Any = lambda batch: Studies(  # noqa: E731
        photos, paintings, batch, plan.crop, plan.photos, how.seed, how.device
    )
    return PartRun(folder, "styler", painter, phases, studies, PartSettings(plan.minutes, plan.model, plan.train), how)


def learned_styler(folder: Path) -> FastPainter:
    """The averaged weights of a training, ready for use."""
    tensors, state = averaged(folder)
    painter = FastPainter(settings.read(FastConfig, state["config"], "the styler"))
    painter.load_state_dict(tensors)
    return painter.eval().requires_grad_(False)


def files_in(folder: Path) -> list[Path]:
    """Pictures of a folder and its sub-folders, sorted."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)


def parted(files: Sequence[Path], seed: int) -> tuple[list[Path], list[Path]]:
    """Those to learn from and those held out, by name."""
    order = torch.randperm(len(files), generator=generator("held out styles", seed)).tolist()
    held = set(order[: int(len(files) * HELD_OUT)])
    return [file for i, file in enumerate(files) if i not in held], [files[i] for i in sorted(held)]


def loaded(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, over white, at most LONGEST a side."""
    return within(read(path), LONGEST)
