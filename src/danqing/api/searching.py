"""Better settings for a preset on some data, found by many short trainings (Optuna: Akiba et al., KDD 2019).

    OUT/trials.log      what was tried and how it scored; the search goes on from here
    OUT/trial-000/ …    the trainings themselves; one has the preset's own settings
    OUT/report-card.html    the best against the preset

Settings are proposed by the tree of Parzen estimators; a training whose score is worse than the median of the others at
the same point is given up early. The score is KID of samples against held-out pictures (scoring.py), less is better.
"""

import math
import time
from collections.abc import Generator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from danqing.api.act import act
from danqing.api.judging import report_card
from danqing.api.plans import choose, overrides
from danqing.api.training import train
from danqing.errors import BadInputError, DanqingError, DiskError, MissingExtraError, NotFoundError, UsageError
from danqing.images.writing import write_atomic
from danqing.nn.chance import derive
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

    minutes     of each training; the hours of the first call shared among twelve if not given
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
    name = Path(str(data)).stem
    folder = Path(out or f"runs/search-{preset.name}-{name}")
    folder.mkdir(parents=True, exist_ok=True)
    study = opened(optuna, folder / JOURNAL, seed)
    each = agreed(study, {"preset": preset.name, "data": name}, minutes or hours * 60 / LEAST)
    spent = sum(trial.user_attrs.get("seconds", 0.0) for trial in study.trials)
    space, values = space_of(preset), values_of(preset)
    while spent < hours * 3600:
        if preset_of(study) is None:
            study.enqueue_trial(dict.fromkeys(space, 1.0))
        trial, begin = study.ask(), time.perf_counter()
        given, state, score = proposed(trial, space, values), "FAIL", None
        try:
            score = yield from tried(trial, preset.name, data, given, folder, each, seed, spent / (hours * 3600))
            state = "PRUNED" if score is None else "COMPLETE"
        except (UsageError, NotFoundError, DiskError):
            raise  # what fails every training
        except DanqingError as error:
            yield Progress("search", spent / (hours * 3600), message=f"Training {trial.number} failed: {error}")
        finally:
            trial.set_user_attr("seconds", time.perf_counter() - begin)
        study.tell(trial, score if state == "COMPLETE" else None, state=optuna.trial.TrialState[state])
        spent += time.perf_counter() - begin
    trials = tuple(described(trial) for trial in study.trials)
    done = [trial for trial in trials if trial.score is not None]
    first = preset_of(study)
    if not done or first is None:
        raise BadInputError(f"None of the {len(trials)} trainings came to its end; give more hours or another preset.")
    best = min(done, key=lambda trial: trial.score or 0.0)
    card = None if best.number == first else (yield from compared(folder, first, best, data, judged))
    return Found(folder, trials, best, card)


def opened(optuna: Any, journal: Path, seed: int) -> Any:
    """The study that is kept there; a training that was cut off counts as failed."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    backend = optuna.storages.journal.JournalFileBackend(str(journal))
    study = optuna.create_study(
        study_name="search",
        storage=optuna.storages.JournalStorage(backend),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=FIRST, n_warmup_steps=1),
        load_if_exists=True,
    )
    study.sampler = optuna.samplers.TPESampler(seed=derive("search", seed, len(study.trials)) % 2**32)
    for trial in study.trials:
        if trial.state == optuna.trial.TrialState.RUNNING:
            study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    return study


def agreed(study: Any, about: Mapping[str, str], minutes: float) -> float:
    """The minutes of each training, as the search began; UsageError for a folder of another search."""
    for key, value in about.items():
        known = study.user_attrs.get(key, value)
        if known != value:
            raise UsageError(f"The folder holds a search with another {key} ({known}); choose another --out.")
        study.set_user_attr(key, value)
    study.set_user_attr("minutes", study.user_attrs.get("minutes", minutes))
    return float(study.user_attrs["minutes"])


def preset_of(study: Any) -> int | None:
    """The number of the training with the preset's own settings that came to its end."""
    done = (trial for trial in study.trials if trial.state.name == "COMPLETE")
    return next((trial.number for trial in done if all(factor == 1 for factor in trial.params.values())), None)


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
        yield Progress("search", done, figures=progress.figures)
        if "score" in progress.figures:
            scores.append(progress.figures["score"])
            trial.report(scores[-1], len(scores))
            if progress.done < 1 and trial.should_prune():
                steps.close()
                yield Progress("search", done, message=f"Training {trial.number} is given up: worse than most.")
                return None
    known = [score for score in scores if math.isfinite(score)]
    if not known:
        raise BadInputError("its pictures could not be scored")
    return min(known)


def described(trial: Any) -> Trial:
    changed = {name: round(factor, 4) for name, factor in trial.params.items() if factor != 1}
    score = trial.value if trial.state.name == "COMPLETE" else None
    return Trial(trial.number, changed, score, trial.state.name.lower())


def compared(folder: Path, first: int, best: Trial, data: str | Path, count: int) -> Generator[Progress, None, Path]:
    """The preset and the best on one page."""
    yield Progress("search", 1.0, message="Judging the best against the preset.")
    models = [folder / f"trial-{number:03d}" for number in (first, best.number)]
    judging = report_card(models, data, count)
    yield from judging
    write_atomic(folder / CARD, judging.result().html.encode())
    return folder / CARD
