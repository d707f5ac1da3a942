"""Better settings for a preset on some data, found by many short trainings (Optuna: Akiba et al., KDD 2019).

    OUT/trials.log      what was tried and how it scored; the search goes on from here
    OUT/trial-000/ …    the trainings themselves; the first has the preset's own settings
    OUT/report-card.html    the best against the preset

Settings are proposed by the tree of Parzen estimators; a training whose score is worse than the median of the others at
the same point is given up early. The score is KID of samples against held-out pictures (scoring.py), less is better.
"""

import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from danqing.api.act import act
from danqing.api.judging import report_card
from danqing.api.plans import choose, overrides
from danqing.api.training import train
from danqing.errors import MissingExtraError, UsageError
from danqing.images.writing import write_atomic
from danqing.presets import Preset, all_presets
from danqing.settings import read_toml
from danqing.types import Progress

LEAST = 12
"""trainings that the hours are shared among, at least"""
CHECKS = 5
"""scores of a training, by which it may be given up"""
FIRST = 4
"""trainings before any is given up"""
JOURNAL, CARD = "trials.log", "report-card.html"


@dataclass(frozen=True)
class Trial:
    """One training of a search."""

    number: int
    settings: Mapping[str, Any]
    """what differs from the preset"""
    score: float | None
    """None for one that was given up or failed"""
    state: str
    """complete, pruned, fail"""


@dataclass(frozen=True)
class Found:
    folder: Path
    trials: tuple[Trial, ...]
    best: Trial
    card: Path | None
    """None where only one training came to its end"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        return {"folder": self.folder, "card": self.card, "best": asdict(self.best),
                "trials": [asdict(one) for one in self.trials]}  # fmt: skip


@act
def search(
    what: str,
    data: str | Path,
    *,
    hours: float = 1.0,
    minutes: float | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    judged: int = 1000,
) -> Generator[Progress, None, Found]:
    """Try settings of a preset (or family) for some hours; what is in `out` already counts and is gone on with.

    minutes     of each training; the hours shared among twelve if not given
    judged      pictures that each of the two on the report card paints

    Raises MissingExtraError without Optuna, UsageError, and what `train` raises.
    """
    try:
        import optuna
    except ImportError:
        raise MissingExtraError("searching for settings", "search") from None
    if hours <= 0 or (minutes is not None and minutes <= 0):
        raise UsageError(f"{hours:g} hours and {minutes} minutes came; give more than none.")
    preset, _ = choose(what, data)
    each = minutes or hours * 60 / LEAST
    folder = Path(out or f"runs/search-{preset.name}")
    folder.mkdir(parents=True, exist_ok=True)
    study = opened(optuna, folder / JOURNAL, f"{preset.name} {Path(str(data)).name} {each:g} min", seed)
    spent = sum(trial.user_attrs.get("seconds", 0.0) for trial in study.trials)
    space, values = space_of(preset), values_of(preset)
    if not study.trials:
        study.enqueue_trial(dict.fromkeys(space, 1.0))
    while spent < hours * 3600:
        trial, begin = study.ask(), time.perf_counter()
        given = proposed(trial, space, values)
        try:
            score = yield from tried(trial, preset.name, data, given, folder, each, seed, spent / (hours * 3600))
        finally:
            trial.set_user_attr("seconds", time.perf_counter() - begin)
        study.tell(trial, score, state=None if score is not None else optuna.trial.TrialState.PRUNED)
        spent += time.perf_counter() - begin
    trials = tuple(described(trial) for trial in study.trials)
    done = [trial for trial in trials if trial.score is not None]
    best = min(done, key=lambda trial: trial.score or 0.0)
    card = (yield from compared(folder, best, data, judged)) if best.number else None
    return Found(folder, trials, best, card)


def opened(optuna: Any, journal: Path, name: str, seed: int) -> Any:
    """The study of that name; a training that was cut off counts as failed."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    study = optuna.create_study(
        study_name=name,
        storage=optuna.storages.JournalStorage(backend),
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST, n_warmup_steps=1),
        load_if_exists=True,
    )
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def space_of(preset: Preset) -> dict[str, Mapping[str, Any]]:
    """Setting -> its range, for those that the preset has and whose value is not 0."""
    table = read_toml(Path(__file__).with_name("search.toml").read_text(encoding="utf-8"), "search.toml")
    values = values_of(preset)
    known = {**table["all"], **table.get(preset.family, {})}
    muon = values["optimizer"] == "muon"
    return {name: how for name, how in known.items() if values.get(name) and (name != "muon_lr" or muon)}


def values_of(preset: Preset) -> dict[str, Any]:
    """Every setting of the preset, of model and training."""
    model, settings = overrides(all_presets()[preset.name], {})
    return {**model, **settings}


def proposed(trial: Any, space: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> dict[str, Any]:
    """Setting -> value, for those that differ from the preset's."""
    given = {}
    for name, how in space.items():
        if "one_of" in how:
            factor = trial.suggest_categorical(name, how["one_of"])
        else:
            factor = trial.suggest_float(name, how["low"], how["high"], log=True)
        if factor != 1:
            value = values[name] * factor
            given[name] = max(2, round(value)) if isinstance(values[name], int) else value
    return given


def tried(
    trial: Any, preset: str, data: str | Path, given: Mapping[str, Any], folder: Path, minutes: float, seed: int,
    done: float,
) -> Generator[Progress, None, float | None]:  # fmt: skip
    """Train and score; None for a training that was given up."""
    settings = {**given, "score_every": 1 / CHECKS}
    place, scores = folder / f"trial-{trial.number:03d}", []
    said = ", ".join(f"{name} {value:.3g}" for name, value in given.items()) or "the preset's own settings"
    yield Progress("search", done, message=f"Training {trial.number}: {said}.")
    steps = iter(train(preset, data, minutes=minutes, out=place, set=settings, seed=seed))
    for progress in steps:
        if "score" in progress.figures:
            scores.append(progress.figures["score"])
            trial.report(scores[-1], len(scores))
            yield Progress("search", done, figures={"score": scores[-1]})
            if progress.done < 1 and trial.should_prune():
                steps.close()
                yield Progress("search", done, message=f"Training {trial.number} is given up: worse than most.")
                return None
    return min(scores)


def described(trial: Any) -> Trial:
    changed = {name: round(factor, 4) for name, factor in trial.params.items() if factor != 1}
    score = trial.value if trial.state.name == "COMPLETE" else None
    return Trial(trial.number, changed, score, trial.state.name.lower())


def compared(folder: Path, best: Trial, data: str | Path, count: int) -> Generator[Progress, None, Path]:
    """The preset and the best on one page."""
    yield Progress("search", 1.0, message="Judging the best against the preset.")
    models = [folder / "trial-000", folder / f"trial-{best.number:03d}"]
    judging = report_card(models, data, count)
    yield from judging
    write_atomic(folder / CARD, judging.result().html.encode())
    return folder / CARD
