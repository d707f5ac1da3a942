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
from danqing.data.studies import PAINTINGS, PHOTOS, studies_folder
from danqing.errors import BadInputError, NotFoundError, unknown
from danqing.families.style.looks import LOOKS, exemplar
from danqing.families.style.network import FastConfig, FastPainter, look_at
from danqing.families.style.recipes import recipes
from danqing.families.style.shipping import FAMILY, write_styler
from danqing.families.style.teaching import Sight, Studies, TeachingRecipe, teaching_loss, tensor
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
    photos: str | Path | None = None,
    paintings: str | Path | None = None,
    recipe: str = "cpu",
    *,
    minutes: float | None = None,
    out: str | Path = "runs/styler",
    seed: int = 0,
    device: str | None = None,
) -> Generator[Progress, None, Schooled]:
    """Teach the fast engine; what is there already is gone on with. A tenth of the paintings is held out.

    A folder that is left out is that of the set of studies (`danqing data build studies`).
    Raises NotFoundError (a recipe, the set), BadInputError for folders without pictures, DiskError.
    """
    folder, plans = Path(out), recipes()
    if recipe not in plans:
        raise unknown("recipe of the styler", recipe, plans)
    how = How(seed, device or precision.best_device(), budget={"minutes": minutes} if minutes else {})
    shown_files = files_of(photos, PHOTOS)
    learned, held = parted(files_of(paintings, PAINTINGS), seed)
    shown, models = lessons_from(shown_files, learned)
    yield Progress("train", 0.0, message=f"{len(shown)} photos; {len(learned)} paintings and {len(LOOKS)} own manners.")
    run = styler_run(folder / "training", plans[recipe], shown, models, how)
    yield from run.from_where_it_stopped()
    write_styler(
        folder / "styler", learned_styler(folder / "training"), card_of(folder, (shown_files, learned, held), seed)
    )
    return Schooled(
        folder, f"The styler is in '{folder / 'styler'}'; stylize with --engine fast --model {folder}/styler."
    )


def lessons_from(photos: Sequence[Path], paintings: Sequence[Path]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Photos and paintings as arrays; the manners that come with Danqing are always among the paintings."""
    return [loaded(path) for path in photos], [
        *(loaded(path) for path in paintings),
        *(within(exemplar(name, LONGEST), LONGEST) for name in LOOKS),
    ]


def card_of(folder: Path, files: tuple[Sequence[Path], Sequence[Path], Sequence[Path]], seed: int) -> Card:
    """`files`: photos, paintings that were learned from, paintings that were held out."""
    tensors, state = averaged(folder / "training")
    taken = state["trainer"]
    photos, learned, held = ([credit(path) for path in some] for some in files)
    return Card(
        name="styler", family=FAMILY, preset="fast", config=state["config"], train=state["train"],
        data={"name": "photos and paintings", "photos": photos, "paintings": learned, "held out": held}, seed=seed,
        steps=taken["step"], pictures_seen=taken["pictures"], seconds=round(taken["seconds"], 1),
        parameters=sum(value.numel() for value in tensors.values()), software=software(),
        created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
    )  # fmt: skip


def credit(path: Path) -> str:
    """The file, with licence and author where the set's sources.tsv names them."""
    table = path.parent.parent / "sources.tsv"
    if table.is_file():
        for line in table.read_text(encoding="utf-8").splitlines():
            cells = line.split("\t")
            if len(cells) >= 3 and cells[0] == f"{path.parent.name}/{path.name}":
                return f"{path.stem}, {cells[2]}, {cells[1]}"
    return path.name


def styler_run(
    folder: Path, plan: TeachingRecipe, photos: Sequence[np.ndarray], paintings: Sequence[np.ndarray], how: How
) -> PartRun:
    config = settings.read(FastConfig, plan.model, "the recipe of the styler")
    torch.manual_seed(derive("styler", how.seed))
    painter, sight = FastPainter(config), eyes("max")
    painter.reader.fit(look_at(sight, [tensor(within(one, 256)) for one in paintings]))
    sight.to(how.device)
    phases = [Phase("styler", painter, partial(teaching_loss, painter, Sight(sight)))]
    studies: Any = lambda batch: Studies(photos, paintings, plan, batch, how.seed, how.device)  # noqa: E731
    return PartRun(folder, "styler", painter, phases, studies, PartSettings(plan.minutes, plan.model, plan.train), how)


def learned_styler(folder: Path) -> FastPainter:
    """The averaged weights of a training, ready for use."""
    tensors, state = averaged(folder)
    painter = FastPainter(settings.read(FastConfig, state["config"], "the styler"))
    painter.load_state_dict(tensors)
    return painter.eval().requires_grad_(False)


def files_of(folder: str | Path | None, kind: str) -> list[Path]:
    """Pictures of a folder and its sub-folders, sorted; of the set of studies, if none is given."""
    place = studies_folder() / kind if folder is None else Path(folder)
    if folder is None and not place.is_dir():
        raise NotFoundError("The set of studies is not here; build it with 'danqing data build studies'.")
    found = sorted(path for path in place.rglob("*") if path.suffix.lower() in SUFFIXES)
    if not found:
        raise BadInputError(f"The fast engine learns from photos and paintings, and '{place}' has none.")
    return found


def parted(files: Sequence[Path], seed: int) -> tuple[list[Path], list[Path]]:
    """Those to learn from and those held out, by name."""
    order = torch.randperm(len(files), generator=generator("held out styles", seed)).tolist()
    held = set(order[: int(len(files) * HELD_OUT)])
    return [file for i, file in enumerate(files) if i not in held], [files[i] for i in sorted(held)]


def loaded(path: Path) -> np.ndarray:
    """(H, W, 3) uint8, over white, at most LONGEST a side."""
    return within(read(path), LONGEST)
