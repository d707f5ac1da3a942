"""A doctor beside a training: looks at it now and then, says what it sees, and, where it may, does something about it.

Looking takes at most DEAR of the training's time. What is measured stands in evaluate/health; what helps a family
against an illness, its `remedies` say.
"""

from __future__ import annotations

import copy
import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from danqing import registry
from danqing.api.models import Model
from danqing.api.painting import Wish, many
from danqing.data.pictures import PictureSet
from danqing.evaluate.health import Illness, Mirror, Vitals, illnesses_of, sound
from danqing.evaluate.health.vitals import LEARNED, LOOKED_AT, REAL, more_often
from danqing.images.arrays import to_float
from danqing.images.writing import write_atomic
from danqing.nn.chance import Chance, generator
from danqing.settings import read
from danqing.types import Batch, Now, Progress

if TYPE_CHECKING:
    from danqing.api.training import Run

Policy = Literal["off", "warn", "act"]
POLICIES: tuple[Policy, ...] = ("off", "warn", "act")
EVERY = 0.1
"""of the budget lies between two looks"""
DEAR = 0.05
"""of the training's time may be spent on looking"""
FIRST_PRICE = 6.0
"""seconds that the first look may cost, as long as nothing is known; so it comes after two minutes"""
QUICK = 8
"""steps in which a model that paints step by step is looked at"""
SEED = 2_000_000
"""of the pictures that are painted for a look"""
FILE = "health.json"
TREATMENTS = 4
"""after so many the doctor only warns"""
STATE = ("said", "treated", "since", "ended")
"""what a stopped training must know of its doctor, besides the looks"""
REMEMBERED = 50
"""batches among which a repeated one is noticed"""


class Pipeline:
    """Watches the batches go by."""

    def __init__(self, contrast: float, batches: float) -> None:
        """`contrast` of the whole set; `batches` in one epoch."""
        self.whole, self.batches = max(contrast, 1e-6), batches
        self.recent: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        self.clear()

    def clear(self) -> None:
        self.count, self.again, self.contrast = 0, 0, 0.0

    def see(self, pictures: Tensor) -> None:
        """(B, C, H, W) as they come from the set, before they are augmented."""
        mark = float(pictures.double().mean()), float(pictures[0].double().mean())
        self.again += mark in self.recent and self.batches > 2
        self.recent.append(mark)
        self.count += 1
        self.contrast += contrast_of(pictures) / self.whole

    def numbers(self) -> dict[str, float]:
        count = max(1, self.count)
        return {"repeated": self.again / count, "contrast": self.contrast / count if self.count else 1.0}


class Doctor:
    """Looks at one run; `history` holds what was seen since it was last treated."""

    def __init__(self, run: Run, policy: Policy) -> None:
        self.run, self.policy = run, policy
        self.history: list[Vitals] = []
        self.past: list[Vitals] = []
        self.said: list[dict[str, Any]] = []
        self.treated, self.since, self.ended = 0, 0.0, False
        self.spent, self.price = 0.0, FIRST_PRICE
        self.healthy: dict[str, Any] | None = None
        """the last weights at which nothing was wrong"""
        self.rate = run.trainer.rate_factor
        """of the learning rate, then"""
        self.learned, self.fresh, _ = chosen_of(run.train_set, run.held)
        self.mirror: Mirror | None = None
        whole = contrast_of(to_float(self.learned))
        self.pipeline = Pipeline(whole, len(run.train_set) / run.settings.batch)
        self.losses: dict[str, list[float]] = {}
        self.skipped = 0

    # Seeing.

    def note(self, progress: Progress) -> None:
        """Take notice of a step."""
        names = {phase.name for phase in self.run.trainer.phases}
        found = {name: value for name, value in progress.figures.items() if name in names}
        self.skipped += not found
        for name, value in found.items():
            self.losses.setdefault(name, []).append(value)

    def due(self, fraction: float, mark: float) -> bool:
        return fraction >= mark and self.spent + self.price <= DEAR * self.run.trainer.seconds

    @torch.no_grad()
    def look(self) -> Vitals:
        """Measure the run as it is. Nothing of it changes, its chance included."""
        began, run, t = time.perf_counter(), self.run, self.run.trainer
        self.mirror = self.mirror or mirror_of(run.train_set, run.held)
        state = torch.get_rng_state()
        painters = run.family.painter(t.model), t.average.module
        live, average = (portraits(run.present(copy.deepcopy(painter))) for painter in painters)
        means = {name: sum(values) / len(values) for name, values in self.losses.items()}
        vitals = Vitals(
            t.step, t.fraction, **self.mirror.look(live, average), gap=self.gap(), bias=self.bias(),
            losses=means, skipped=self.skipped, **self.pipeline.numbers(),
        )  # fmt: skip
        torch.set_rng_state(state)
        self.losses, self.skipped = {}, 0
        self.pipeline.clear()
        self.history.append(vitals)
        self.price = time.perf_counter() - began
        self.spent += self.price
        return vitals

    def gap(self) -> float | None:
        """How much worse than training pictures held-out ones are explained."""
        model = copy.deepcopy(self.run.trainer.model).eval()
        errors = []
        for pictures in (self.fresh, self.learned):
            if not len(pictures):
                return None
            batch, chance = self.batch(pictures), Chance(0, 0, "doctor", device=self.run.trainer.device)
            error = self.run.family.error(model, self.run.config, batch, Now(0, 0.5, chance))
            if error is None:
                return None
            errors.append(float(error))
        return errors[0] / max(errors[1], 1e-9)

    def bias(self) -> float | None:
        """How much more real than held-out pictures the critic finds those it has seen."""
        run, scores = self.run, []
        model = copy.deepcopy(run.trainer.model).eval()
        for pictures in (self.learned, self.fresh):
            found = (
                run.family.realness(model, run.config, self.batch(pictures).pictures, None) if len(pictures) else None
            )
            if found is None:
                return None
            scores.append(found.cpu())
        return more_often(*scores)

    def batch(self, pictures: Tensor) -> Batch:
        return Batch(to_float(pictures[:REAL]).to(self.run.trainer.device), None)

    # Saying and doing.

    def visit(self) -> str:
        """Look, judge, and treat if that is wanted; returns what is to be said."""
        self.look()
        found = illnesses_of(self.course())
        if not found:
            if self.policy == "act" and sound(self.history):
                self.healthy, self.rate = self.run.trainer.copied(), self.run.trainer.rate_factor
            self.keep()
            return ""
        first = found[0]
        sentence = first.sentence(self.history)
        done = self.treat(first) if self.policy == "act" and self.treated < TREATMENTS else ""
        self.said += [{"step": self.run.trainer.step, "illness": one.name, "done": done} for one in found]
        self.keep()
        return f"{sentence} {done or first.advice}"

    def course(self) -> list[Vitals]:
        """The looks since the last treatment, their time in shares of the budget that was left then."""
        return [replace(one, done=(one.done - self.since) / max(1 - self.since, 1e-9)) for one in self.history]

    def treat(self, illness: Illness) -> str:
        """Do what helps, and say what was done; '' where nothing does."""
        change = self.run.family.remedies(self.run.config, illness.name)
        if illness.cure == "stop":
            self.ended, done = True, "The training was stopped."
        elif illness.cure == "best" and not change:
            self.back()
            self.ended, done = True, "Went back to the last healthy weights and stopped."
        elif illness.cure == "average":
            life = self.run.trainer.shorten_average()
            self.run.plan = replace(self.run.plan, train={**self.run.plan.train, "ema": life})
            done = f"The average was made shorter (ema = {life:g}) and begins anew."
        elif illness.cure == "slower":
            self.back()
            self.run.trainer.rate_factor /= 2
            done = "Went back to the last healthy weights and halved the learning rate."
        elif change:
            if illness.cure == "change back":
                self.back()
            self.change(change)
            words = ", ".join(f"{name} = {value}" for name, value in change.items())
            done = f"Changed {words}{' from the last healthy weights on' if illness.cure == 'change back' else ''}."
        else:
            return ""
        self.treated += 1
        self.since = self.run.trainer.fraction
        self.past += self.history
        self.history = []
        return done

    def back(self) -> None:
        """To the last healthy weights and their rate; to those of the beginning where there are none."""
        self.run.trainer.take_up(self.healthy or self.run.beginning)
        self.run.trainer.rate_factor = self.rate

    def change(self, settings: Mapping[str, Any]) -> None:
        """New settings of the model, whose networks stay."""
        run = self.run
        model = {**run.plan.model, **settings}
        run.plan = replace(run.plan, model=model)
        run.config = read(run.family.Config, model, f"the preset {run.plan.preset}")
        run.trainer.phases = run.family.phases(run.trainer.model, run.config)

    # Keeping.

    def plain(self) -> dict[str, Any]:
        """JSON-safe: all that was seen and said."""
        seen = [vitals.plain() for vitals in (*self.past, *self.history)]
        state = {name: getattr(self, name) for name in STATE}
        return {"looks": seen, "past": len(self.past), **state}

    def restore(self, kept: Mapping[str, Any]) -> None:
        looks = [Vitals(**look) for look in kept.get("looks", [])]
        past = kept.get("past", 0)
        self.past, self.history = looks[:past], looks[past:]
        for name in STATE:
            setattr(self, name, kept.get(name, getattr(self, name)))

    def keep(self) -> None:
        if self.run.rank == 0:
            write_atomic(self.run.folder / FILE, json.dumps(self.plain(), indent=1).encode())


def chosen_of(train: PictureSet, held: PictureSet) -> tuple[Tensor, Tensor, Tensor | None]:
    """(N, C, S, S) training and (M, C, S, S) held-out pictures to compare with, and the kinds (M,) of the latter."""
    chosen = torch.randperm(len(train), generator=generator("doctor", "train"))[:LEARNED]
    rows = torch.randperm(len(held), generator=generator("doctor", "held"))[:REAL]
    kinds = held.labels[rows] if held.labels is not None and len(rows) else None
    return train.pixels[chosen], held.pixels[rows], kinds


def mirror_of(train: PictureSet, held: PictureSet) -> Mirror:
    name = "fmnist" if train.card.name.startswith("fashion-mnist") else "effl0"
    return Mirror(registry.get("features", name), *chosen_of(train, held))


def portraits(model: Model) -> Tensor:
    """(LOOKED_AT, C, S, S) uint8, always of the same seeds."""
    wish = Wish(steps=QUICK) if "steps" in model.family.takes(model.config) else Wish()
    return torch.cat([pictures for pictures, _ in many(model, LOOKED_AT, SEED, wish)])


def contrast_of(pictures: Tensor) -> float:
    """Mean over all pixels of the deviation over the pictures (B, C, H, W) float."""
    return float(pictures.std(0).mean()) if len(pictures) > 1 else 0.0


def read_health(folder: Path) -> dict[str, Any] | None:
    """What a doctor wrote down; None where there was none or it cannot be read."""
    try:
        found = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and isinstance(found.get("looks"), list) else None
