"""What may be wrong with a training, as seen from a few looks at it; each illness is a named function of a look.

    @illness("mine", cure="stop", text="...", advice="...")
    def mine(look, before): ...  # Vitals, and those of the looks before it -> bool

An illness is seen where its sign lasts for `count` looks, all later than `since` and, if that is not the beginning,
after EARLY steps. Thresholds were chosen on trainings whose seeds are not among those of the calibration
(benchmarks/doctor.py).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from danqing.evaluate.health.vitals import Vitals

Looks = Sequence[Vitals]
Sign = Callable[[Vitals, Looks], bool]
Cure = Literal["stop", "best", "slower", "change", "change back", "average"]
LATE, EARLY = 0.3, 150
"""share of the budget, and steps; before, a training may look like anything"""


@dataclass(frozen=True)
class Illness:
    name: str
    cure: Cure
    """stop; best: back to the last healthy weights, and stop; change the settings that the family's `remedies` name, or
    change them and go back; slower: the same, or where there are none go back, at a lower rate; average: make the
    moving average shorter"""
    text: str
    """what is seen, with the newest look's numbers to be put in"""
    advice: str
    sign: Sign
    since: float
    """0 .. 1 of the budget"""
    count: int

    def sentence(self, looks: Looks) -> str:
        return self.text.format(**{k: 0.0 if v is None else v for k, v in vars(looks[-1]).items()})

    def seen(self, looks: Looks) -> bool:
        first = looks[-self.count] if len(looks) >= self.count else None
        if first is None or first.done < self.since or (self.since and first.step < EARLY):
            return False
        return all(self.sign(looks[place], looks[:place]) for place in range(len(looks) - self.count, len(looks)))


ILLNESSES: dict[str, Illness] = {}
"""the worst first: what comes later may be its consequence"""


def illness(
    name: str, cure: Cure, text: str, advice: str, since: float = LATE, count: int = 2
) -> Callable[[Sign], Sign]:
    def file(sign: Sign) -> Sign:
        ILLNESSES[name] = Illness(name, cure, text, advice, sign, since, count)
        return sign

    return file


def illnesses_of(looks: Looks) -> list[Illness]:
    """All that are seen, the worst first."""
    return [one for one in ILLNESSES.values() if one.seen(looks)]


def signs_of(look: Vitals, before: Looks = ()) -> list[Illness]:
    """All of which one look has a sign, where there will be no second one."""
    return [one for one in ILLNESSES.values() if one.sign(look, before)]


@illness(
    "pipeline", "stop",
    "The batches are broken: {repeated:.0%} of them had come shortly before, and their pictures differ by "
    "{contrast:.2f} of what they should.",
    "Look at the pictures ('danqing data show') and at whatever changed them while the training ran.",
    since=0, count=1,
)  # fmt: skip
def pipeline(look: Vitals, before: Looks) -> bool:
    return look.repeated > 0.3 or look.contrast < 0.3


@illness(
    "divergence", "slower",
    "The training has come apart: its pictures are {distance:.1f} times as far from real ones as real ones from each "
    "other, farther than before, and {skipped:.0f} losses were not numbers.",
    "Take a smaller learning rate (--set lr=…), or a longer warm-up.",
    since=0,
)  # fmt: skip
def divergence(look: Vitals, before: Looks) -> bool:
    best = min((one.distance for one in before), default=look.distance)
    worse = not isfinite(look.distance) or look.distance > 1.4 * best
    return worse or look.skipped >= 3 or (look.gap is not None and rising(look, before))


def rising(look: Vitals, before: Looks) -> bool:
    """Whether a loss above 0 is half as large again as it was; says nothing of a GAN, whose losses are relative."""
    past = {
        name: min((one.losses.get(name, value) for one in before), default=value) for name, value in look.losses.items()
    }
    return any(value > 1.5 * past[name] > 0 for name, value in look.losses.items())


@illness(
    "collapse", "change back",
    "The painter paints nearly the same again and again: its pictures differ {variety:.0%} as much as real ones and "
    "come near {coverage:.0%} of them.",
    "For a GAN take loss = relativistic with penalty = r1+r2, or a larger gamma; for a VAE a smaller beta.",
    since=0.2,
)  # fmt: skip
def collapse(look: Vitals, before: Looks) -> bool:
    narrow = look.variety < 0.3 and look.spread < 0.75
    return narrow or (look.variety < 0.65 and look.spread < 0.85 and look.coverage < 0.04)


@illness(
    "dropping", "change back",
    "Some kinds are hardly ever painted: as if there were {kinds:.0%} of them; what is painted leans by {tilt:.2f} "
    "towards the others (0 is fair, 1 one kind alone).",
    "Look whether the data holds them evenly; for a GAN take loss = relativistic with penalty = r1+r2.",
    since=0.8,
)  # fmt: skip
def dropping(look: Vitals, before: Looks) -> bool:
    if look.kinds is None or look.tilt is None or look.variety < 0.3:  # that is collapse
        return False
    fewest = 0.42 if look.gap is None else 0.68  # a young GAN leaves some out, and is well
    return look.kinds < fewest or look.tilt > 0.41


@illness(
    "critic-overfits", "change",
    "The critic knows its pictures by heart: in {bias:.0%} of pairs it finds the one it has seen more real than one it "
    "has not.",
    "Take --set augment=1, more pictures, or stop here.",
    since=0.15, count=1,
)  # fmt: skip
def critic_overfits(look: Vitals, before: Looks) -> bool:
    """By the mean of two looks: one alone wavers by 0.016 around 1/2 where nothing is wrong."""
    known = [one.bias for one in (*before[-1:], look) if one.bias is not None]
    return len(known) == 2 and sum(known) / 2 > 0.55


@illness(
    "overfits", "best",
    "The model learns by heart: held-out pictures are explained {gap:.1f} times as badly as those it learned from, and "
    "what it paints is {novelty:.2f} times as far from those as new pictures are.",
    "Stop here, take more pictures, or augment them (--set flip=true translate=0.1 …).",
    since=0.1,
)  # fmt: skip
def overfits(look: Vitals, before: Looks) -> bool:
    return (look.gap is not None and look.gap > 1.4) or look.novelty < 0.7


@illness(
    "smooth", "change",
    "The pictures are soft: of real ones' fine detail they have {sharpness:.0%}.",
    "For a VAE take sigma = learned, a smaller beta, or prior = flow; for others train longer.",
    since=0.6,
)  # fmt: skip
def smooth(look: Vitals, before: Looks) -> bool:
    return look.sharpness < 0.085


@illness(
    "average", "average",
    "The moving average lags behind: its pictures are {lag:.1f} times as far from real ones as the live weights'.",
    "Take a smaller --set ema=…; 0.05 is usual.",
)  # fmt: skip
def average(look: Vitals, before: Looks) -> bool:
    return look.lag > 1.3
