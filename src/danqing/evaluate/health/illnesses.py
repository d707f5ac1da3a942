"""What may be wrong with a training, as seen from a few looks at it; each illness is a named function of the looks.

    @illness("mine", cure="stop", sentence="...", advice="...")
    def mine(looks): ...  # looks: Sequence[Vitals], the newest last -> bool

Thresholds were chosen on trainings whose seeds are not among those of the calibration (benchmarks/doctor.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from danqing.evaluate.health.vitals import Vitals

Looks = Sequence[Vitals]
Cure = Literal["stop", "best", "slower", "change", "change back", "average"]


@dataclass(frozen=True)
class Illness:
    name: str
    cure: Cure
    """stop; best: back to the last healthy weights, and stop; slower: back, at half the rate; change the settings that
    the family's `remedies` name, or change them and go back; average: make the moving average shorter"""
    text: str
    """what is seen, with the newest look's numbers to be put in"""
    advice: str
    seen: Callable[[Looks], bool]

    def sentence(self, looks: Looks) -> str:
        return self.text.format(**{k: 0.0 if v is None else v for k, v in vars(looks[-1]).items()})


ILLNESSES: dict[str, Illness] = {}
"""the worst first: what comes later may be its consequence"""


def illness(name: str, cure: Cure, sentence: str, advice: str) -> Callable[[Callable[[Looks], bool]], Illness]:
    def file(seen: Callable[[Looks], bool]) -> Illness:
        ILLNESSES[name] = Illness(name, cure, sentence, advice, seen)
        return ILLNESSES[name]

    return file


def illnesses_of(looks: Looks) -> list[Illness]:
    """All that are seen, the worst first."""
    return [one for one in ILLNESSES.values() if looks and one.seen(looks)]
