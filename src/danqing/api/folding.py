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
from danqing.api.plans import Plan
from danqing.api.training import Run
from danqing.data.sources import load as load_pictures
from danqing.data.splitting import folds
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
    folder = Path(out or f"runs/folds-{ready.card.name}")
    found: list[Mapping[str, float]] = []
    for number, (train, held) in enumerate(folds(pictures, count, seed)):
        place = folder / f"fold-{number}"
        yield Progress("folds", number / count, message=f"Fold {number + 1} of {count}: {len(train):,} to learn from.")
        run = Run(plan_of(ready, data, minutes, train.card.sha256, seed), train, held, place, "cpu")
        found.append((yield from shared(fold(run, n, seed), number, count)))
    yield Progress("folds", 1.0)
    names = [name for name in found[0] if all(name in one for one in found)]
    places = tuple(folder / f"fold-{number}" for number in range(count))
    return Folds(places, {name: tuple(one[name] for one in found) for name in names})


def fold(run: Run, n: int, seed: int) -> Generator[Progress, None, Mapping[str, float]]:
    """Train one, or go on with it, and judge it by its held-out pictures."""
    if (run.folder / checkpoint.TRAINING).exists():
        run.restore(*checkpoint.load_training(run.folder))
    trained = yield from shared(run.go(SAVED_EVERY, False), 0, 2)
    made, labels = yield from shared(painted(trained.model, n, seed, Wish()), 1, 2)
    return compared(trained.model, run.held, run.train_set, made, labels, seed).figures()


def plan_of(model: Model, data: str | Path, minutes: float | None, sha256: str, seed: int) -> Plan:
    """What the model was trained as."""
    card = model.card
    known = {one.name for one in fields(TrainSettings)}
    train = {name: value for name, value in card.train.items() if name in known}
    budget = {"minutes": minutes} if minutes else card.train["budget"]
    return Plan(card.preset, str(data), card.config, train, seed, budget, sha256, card.train["precision"])
