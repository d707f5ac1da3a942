"""Examine a training that is over: what its doctor saw, and one more look at what it left."""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danqing import checkpoint
from danqing.api.act import act
from danqing.api.doctoring import mirror_of, portraits, read_health
from danqing.api.models import load
from danqing.data.sources import load_split
from danqing.errors import NotFoundError, UsageError
from danqing.evaluate.health import Vitals, illnesses_of
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
    model, health = load(folder), read_health(folder)
    size, channels = model.config.size, model.config.channels  # type: ignore[attr-defined]
    train, held = load_split(data or data_of(folder), size=size, channels=channels)
    yield Progress("doctor", 0.2, message="Looking at what it paints.")
    made = portraits(model)
    yield Progress("doctor", 0.6)
    seen = mirror_of(train, held).look(made, made)
    before = [Vitals(**look) for look in health["looks"]] if health else []
    recent = before[health["past"] :] if health else []
    card = model.card
    last = Vitals(card.steps, 1.0, **seen, **(carried(recent[-1]) if recent else {}))
    found = illnesses_of([*recent, last])
    findings = tuple((one.name, one.sentence([last]), one.advice) for one in found)
    yield Progress("doctor", 1.0)
    return Examination((*before, last), findings, tuple(health["said"]) if health else (), health is not None)


def carried(look: Vitals) -> dict[str, Any]:
    """What only a running training shows, from its last look."""
    return {name: getattr(look, name) for name in ("gap", "bias", "losses", "skipped", "repeated", "contrast")}


def data_of(folder: Path) -> str:
    """What a training learned from, by its state. Raises UsageError where that is gone."""
    try:
        return str(checkpoint.load_training(folder)[1]["plan"]["data"])
    except (NotFoundError, KeyError, TypeError):
        raise UsageError(
            f"'{folder}' does not say what it learned from; name the data: danqing doctor {folder} DATA"
        ) from None
