"""Examine a training that is over: what its doctor saw, and one more look at what it left."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danqing import checkpoint, registry
from danqing.api.act import act
from danqing.api.doctoring import mirror_of, portraits, read_health
from danqing.api.models import load
from danqing.data.sources import load_split
from danqing.errors import NotFoundError, UsageError
from danqing.evaluate.health import ILLNESSES, Vitals, illnesses_of, signs_of
from danqing.evaluate.metrics import FEWEST
from danqing.types import Progress


@dataclass(frozen=True)
class Examination:
    """What there is to say of a training."""

    looks: tuple[Vitals, ...]
    """while it ran, and in the end one at what it left"""
    findings: tuple[tuple[str, str, str], ...]
    """(illness, what is seen, what to do) of the end"""
    said: tuple[dict[str, Any], ...]
    """what was noticed and done on the way: step, illness, done"""
    watched: bool
    """whether a doctor was there while it trained"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        keys = ("illness", "seen", "advice")
        return {
            "looks": [one.plain() for one in self.looks],
            "findings": [dict(zip(keys, one, strict=True)) for one in self.findings],
            "said": list(self.said),
            "watched": self.watched,
        }


@act
def examine(folder: str | Path, data: str | Path | None = None) -> Generator[Progress, None, Examination]:
    """Look at the model in a training's folder and at what was written down while it trained.

    `data` is what it learned from; as the training's own state says if it is left out. Raises NotFoundError,
    UsageError, BadInputError, BadWeightsError.
    """
    folder = Path(folder)
    check_kind(folder)
    model, health = load(folder), read_health(folder)
    size, channels = model.config.size, model.config.channels  # type: ignore[attr-defined]
    train, held = load_split(data or data_of(folder), size=size, channels=channels)
    if len(train) < 2 * FEWEST:
        raise UsageError(
            f"{len(train)} pictures to learn from are too few to examine a training by; 20 are the fewest."
        )
    if model.card.data.get("sha256") not in (None, train.card.sha256):
        raise UsageError(f"'{folder}' did not learn from these pictures; name the data that it learned from.")
    yield Progress("doctor", 0.2, message="Looking at what it paints.")
    made = portraits(model)
    yield Progress("doctor", 0.6)
    last = Vitals(model.card.steps, 1.0, **mirror_of(train, held).look(made, made))
    before = [Vitals.read(look) for look in health["looks"]] if health else []
    recent = before[health["past"] :] if health else []
    found = {one.name: one.sentence(recent) for one in illnesses_of(recent)}
    found |= {one.name: one.sentence([last]) for one in signs_of(last, before)}
    findings = tuple((name, text, ILLNESSES[name].advice) for name, text in found.items())
    yield Progress("doctor", 1.0)
    return Examination((*before, last), findings, tuple(health["said"]) if health else (), health is not None)


def check_kind(folder: Path) -> None:
    family = checkpoint.read_card(folder).family
    if family not in registry.names("family"):
        raise UsageError(
            f"'{folder}' holds a model of {family}; the doctor examines {', '.join(registry.names('family'))}."
        )


def data_of(folder: Path) -> str:
    """What a training learned from, by its state. Raises UsageError where that is gone."""
    try:
        return str(checkpoint.load_training(folder)[1]["plan"]["data"])
    except (NotFoundError, KeyError, TypeError):
        raise UsageError(
            f"'{folder}' does not say what it learned from; name the data: danqing doctor {folder} DATA"
        ) from None
