"""Cross-validation: is a recipe good, or was one model lucky? It is trained anew, once for each fold of the data."""

import statistics
from collections.abc import Generator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from danqing import checkpoint
from danqing.api.act import act, shared
from danqing.api.judging import check_enough, compared, painted, shape
from danqing.api.models import Model, load
from danqing.api.painting import Wish
from danqing.api.plans import Plan, budget_of, fitted
from danqing.api.training import Run
from danqing.data.pictures import PictureSet
from danqing.data.sources import load as load_pictures
from danqing.data.splitting import folds
from danqing.errors import UsageError
from danqing.evaluate.metrics import FEWEST
from danqing.nn.precision import best_device
from danqing.train import TrainSettings
from danqing.types import Progress

SAVED_EVERY = 30.0
"""seconds"""


@dataclass(frozen=True)
class Folds:
    """The same measures of several models, each trained without its own fold of the pictures."""

    folders: tuple[Path, ...]
    values: Mapping[str, tuple[float, ...]]
    """measure -> its value for each fold, judged by the pictures that were held out"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        rows = {
            name: {"mean": statistics.mean(several), "deviation": statistics.stdev(several), "folds": list(several)}
            for name, several in self.values.items()
        }
        return {"folders": [str(folder) for folder in self.folders], "measures": rows}


@act
def cross_validate(
    model: Model | str | Path,
    data: str | Path,
    count: int = 5,
    n: int = 1000,
    minutes: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
) -> Generator[Progress, None, Folds]:
    """Train what `model` was trained as `count` times, each time without another fold of `data`, and judge it by that.

    Folds hold every label evenly, and equal pictures lie in one fold. `minutes` of each training, the model's own
    budget if not given; trainings that are in `out` already are gone on with. Raises UsageError, NotFoundError,
    BadInputError, DiskError.
    """
    ready = load(model) if not isinstance(model, Model) else model
    check_enough(n, seed)
    size, channels = shape(ready)
    pictures = load_pictures(data, size=size, channels=channels)
    parts = list(folds(pictures, count, seed))
    least = min(len(held) for _, held in parts)
    if least < 2 * FEWEST:
        raise UsageError(f"A fold has {least} pictures; choose fewer folds, so that each has {2 * FEWEST} or more.")
    folder = Path(out or f"runs/folds-{ready.card.name}")
    found: list[Mapping[str, float]] = []
    for number, (train, held) in enumerate(parts):
        place = folder / f"fold-{number}"
        yield Progress("folds", number / count, message=f"Fold {number + 1} of {count}: {len(train):,} to learn from.")
        run = Run(plan_of(ready, data, minutes, train, seed), train, held, place, best_device())
        found.append((yield from shared(fold(run, n, seed), number, count)))
    yield Progress("folds", 1.0)
    names = [name for name in found[0] if all(name in one for one in found)]
    places = tuple(folder / f"fold-{number}" for number in range(count))
    return Folds(places, {name: tuple(one[name] for one in found) for name in names})


def fold(run: Run, n: int, seed: int) -> Generator[Progress, None, Mapping[str, float]]:
    """Train one, or go on with it, and judge it by its held-out pictures."""
    if (run.folder / checkpoint.TRAINING).exists():
        tensors, state = checkpoint.load_training(run.folder)
        if not same(state["plan"], run.plan.plain()):
            raise UsageError(f"'{run.folder}' holds a fold of other data or settings; choose another --out.")
        run.restore(tensors, state)
    trained = yield from shared(run.go(SAVED_EVERY, False), 0, 2)
    made, labels = yield from shared(painted(trained.model, n, seed, Wish()), 1, 2)
    return compared(trained.model, run.held, run.train_set, made, labels, seed).figures()


def same(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether two plans are of the same training, however long."""
    return {**kept, "budget": 0, "precision": 0} == {**wanted, "budget": 0, "precision": 0}


def plan_of(model: Model, data: str | Path, minutes: float | None, train: PictureSet, seed: int) -> Plan:
    """What the model was trained as; precision is chosen anew."""
    card = model.card
    known = {one.name for one in fields(TrainSettings)}
    settings = {name: value for name, value in card.train.items() if name in known} | {"precision": "auto"}
    budget = card.train["budget"] if minutes is None else budget_of(minutes, None, None)
    plan = Plan(card.preset, str(data), card.config, settings, seed, budget)
    return fitted(plan, train, None if card.config["classes"] else 0)
