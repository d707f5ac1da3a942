"""Make the upscaler: large renders of the clip-art set's vectors, the training, the folder that is shipped.

    OUT/pictures.npy        large renders; OUT/pictures.json says of what
    OUT/training/           training state and log
    OUT/upscaler/           what is shipped: weights in fp16 and their card

Each part goes on where it stopped; Ctrl+C keeps everything.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file

from danqing import settings
from danqing.api.act import act
from danqing.api.schooling import How, PartRun, Schooled, averaged
from danqing.checkpoint import CARD, WEIGHTS
from danqing.data.clipart.reading import Clipart, open_clipart
from danqing.data.clipart.rendering import BadDrawingError, render
from danqing.errors import UsageError
from danqing.families.text2image.upscaling import (
    SHIPPED,
    Crops,
    UpscalerRecipe,
    Wear,
    upscaler_recipe,
    upscaling_loss,
)
from danqing.images.writing import atomic_path, write_atomic
from danqing.nn import precision
from danqing.nn.chance import derive, generator
from danqing.nn.upscale import FACTOR, Upscaler, UpscalerConfig
from danqing.train import processes
from danqing.types import Phase, Progress

SIDE = 512
"""of the renders, pixels"""
KIND = "drawing"
"""of the set's pictures"""


@act
def train_upscaler(
    *,
    minutes: float | None = None,
    out: str | Path = "runs/upscaler",
    data: str | Path | None = None,
    seed: int = 0,
    device: str | None = None,
    **how: Any,
) -> Generator[Progress, None, Schooled]:
    """Make the upscaler from the clip-art set's vectors; what is there already is kept and gone on with.

    minutes  budget of the training instead of the recipe's; a larger one goes on from where it stopped
    data     folder of the built clip-art set, its usual place if not given
    how      further settings of `How`: budget, clock

    Raises NotFoundError before `danqing data build clipart`, MissingExtraError without resvg, UsageError, DiskError.
    """
    recipe, folder = upscaler_recipe(), Path(out)
    rank, world = processes.join()
    budget = {"budget": {"minutes": minutes}} if minutes else {}
    settings_ = How(seed, device or precision.best_device(), rank, world, **{**budget, **how})
    clipart = open_clipart(None if data is None else Path(data))
    if rank == 0:
        yield from draw(folder, clipart, recipe.pictures, seed)
    processes.wait(world, settings_.device)
    run = upscaler_run(folder / "training", recipe, np.load(folder / "pictures.npy", mmap_mode="r"), settings_)
    yield from run.from_where_it_stopped()
    if rank == 0:
        ship(folder, folder / SHIPPED, clipart)
    return Schooled(folder, f"The upscaler is in '{folder / SHIPPED}'.")


def upscaler_run(folder: Path, recipe: UpscalerRecipe, pictures: np.ndarray, how: How) -> PartRun:
    config = settings.read(UpscalerConfig, recipe.model, "the recipe of the upscaler")
    torch.manual_seed(derive("upscaler", how.seed))
    net = Upscaler(config)
    phases = [Phase("upscaler", net, partial(upscaling_loss, net, Wear()))]
    crops: Callable[[int], Any] = lambda batch: Crops(  # noqa: E731
        pictures, batch, recipe.crop * FACTOR, how.seed, how.rank, how.world, how.device
    )
    return PartRun(folder, SHIPPED, net, phases, crops, recipe.part, how)


# The large renders.


def evenly(clipart: Clipart, splits: Sequence[str], count: int, seed: int) -> list[int]:
    """Rows of drawings, as many of each style as there are, one style after the other."""
    by_style: dict[str, list[int]] = {}
    for i, row in enumerate(clipart.rows):
        if row.kind == KIND and row.split in splits:
            by_style.setdefault(row.style, []).append(i)
    queues = []
    for style, rows in sorted(by_style.items()):
        order = torch.randperm(len(rows), generator=generator("evenly", seed, style)).tolist()
        queues.append([rows[place] for place in order])
    longest = max(map(len, queues), default=0)
    return [queue[turn] for turn in range(longest) for queue in queues if turn < len(queue)][:count]


def vectors_of(clipart: Clipart, rows: Iterable[int]) -> dict[int, str]:
    """row -> its SVG"""
    wanted = set(rows)
    return {i: svg for i, svg in enumerate(clipart.vectors()) if i in wanted}


def draw(folder: Path, clipart: Clipart, count: int, seed: int) -> Generator[Progress, None, None]:
    """Make or finish pictures.npy (count, SIDE, SIDE, 4) of rows to learn from, never of held-out ones."""
    rows = evenly(clipart, ("train",), count, seed)
    state = {"rows": [clipart.rows[i].id for i in rows], "side": SIDE}
    folder.mkdir(parents=True, exist_ok=True)
    path, notes = folder / "pictures.npy", folder / "pictures.json"
    known: dict[str, Any] = json.loads(notes.read_text()) if notes.exists() else {**state, "done": 0}
    if {**known, "done": 0} != {**state, "done": 0}:
        raise UsageError(f"The renders in '{folder}' are of another set or count; remove them or change --out.")
    if known["done"] == len(rows):
        return
    if not path.exists():
        np.lib.format.open_memmap(path, "w+", np.uint8, (len(rows), SIDE, SIDE, 4)).flush()
    pictures, vectors = np.load(path, mmap_mode="r+"), vectors_of(clipart, rows)
    for place in range(known["done"], len(rows)):
        pictures[place] = large(vectors[rows[place]])
        if place % 50 == 49 or place == len(rows) - 1:
            pictures.flush()
            write_atomic(notes, json.dumps({**state, "done": place + 1}).encode())
            yield Progress("data", (place + 1) / len(rows), place + 1)


def large(svg: str) -> np.ndarray:
    """(SIDE, SIDE, 4); nothing at all for a drawing that fails at this size."""
    try:
        return render(svg, SIDE)
    except BadDrawingError:
        return np.zeros((SIDE, SIDE, 4), np.uint8)


# What is shipped.


def ship(folder: Path, out: Path, clipart: Clipart) -> None:
    """The averaged weights as fp16, and a card with what they were made of."""
    tensors, state = averaged(folder / "training")
    half = {name: value.half().contiguous() for name, value in sorted(tensors.items())}
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / WEIGHTS) as temporary:
        save_file(half, temporary)
    card = {
        "name": SHIPPED,
        "family": "upscaler",
        "licence": "Apache-2.0",
        "source": "danqing.api.upscale_training.train_upscaler, from the drawings of the data set clipart",
        "input": "(N, 4, H, W) in [-1, 1], premultiplied RGBA; out comes (N, 4, 4 H, 4 W)",
        "config": state["config"],
        "parameters": sum(value.numel() for value in half.values()),
        "sha256": hashlib.sha256((out / WEIGHTS).read_bytes()).hexdigest(),
        "train": {**state["train"], **taken(state["trainer"])},
        "data": data_card(json.loads((folder / "pictures.json").read_text())["rows"], clipart),
        "software": {"torch": torch.__version__, "resvg-py": version("resvg-py")},
    }
    write_atomic(out / CARD, (json.dumps(card, ensure_ascii=False, indent=2) + "\n").encode())


def taken(numbers: Mapping[str, Any]) -> dict[str, Any]:
    return {"steps": numbers["step"], "crops": numbers["pictures"], "seconds": round(numbers["seconds"])}


def data_card(ids: Sequence[str], clipart: Clipart) -> dict[str, Any]:
    """How many drawings of which source under which licence, and a digest of which."""
    rows = [clipart.rows[clipart.places[name]] for name in ids]
    counts = Counter((row.source, row.licence) for row in rows)
    return {
        "name": "clipart",
        "split": "train",
        "kind": KIND,
        "pictures": len(ids),
        "ids_sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest(),
        "sources": [
            {"source": source, "licence": licence, "pictures": count}
            for (source, licence), count in sorted(counts.items())
        ],
    }
