"""A doctor beside a training: looks at it now and then, says what it sees, and, where it may, does something about it.

Looking takes at most DEAR of the training's time. What is measured stands in evaluate/health; what helps a family
against an illness, its `remedies` say.
"""

from __future__ import annotations

import copy
import json
import math
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from danqing import registry
from danqing.api.models import Model
from danqing.api.painting import Wish, many
from danqing.data.pictures import PictureSet
from danqing.errors import DanqingError
from danqing.evaluate.health import Illness, Mirror, Vitals, illnesses_of, signs_of
from danqing.evaluate.health.vitals import LEARNED, LOOKED_AT, REAL, more_often
from danqing.images.arrays import to_float
from danqing.images.writing import write_atomic
from danqing.nn.chance import Chance, generator
from danqing.settings import read
from danqing.train.budget import next_mark
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
ENOUGH = 0.5
"""of the budget must be left for a training that begins anew"""
BACK = ("best", "slower", "change back")
"""cures that go back to healthy weights"""
SLOWER = 4.0
"""the learning rate is divided by it"""
STATE = ("policy", "said", "treated", "since", "rate", "mark", "spent", "price", "skipped", "losses")
"""what a stopped training must know of its doctor, besides looks, batches and healthy weights"""
HEALTHY, PARTS = "healthy", ("model", "average", "optimizers")
"""names of the healthy weights in the training's state"""
REMEMBERED = 50
"""batches among which a repeated one is noticed"""
AT_ONCE = 64
"""pictures that the model explains at once"""


class Pipeline:
    """Watches the batches go by."""

    def __init__(self, contrast: float, batches: float) -> None:
        """`contrast` of a sound batch; `batches` in one epoch."""
        self.whole, self.batches = max(contrast, 1e-6), batches
        self.recent: deque[list[float]] = deque(maxlen=REMEMBERED)
        self.clear()

    def clear(self) -> None:
        self.count, self.again, self.contrast = 0, 0, 0.0

    def see(self, pictures: Tensor) -> None:
        """(B, C, H, W) as they come from the set, before they are augmented."""
        mark = [float(pictures.double().mean()), float(pictures[0].double().mean())]
        self.again += mark in self.recent and self.batches > 2
        self.recent.append(mark)
        self.count += 1
        self.contrast += contrast_of(pictures) / self.whole

    def numbers(self) -> dict[str, float]:
        count = max(1, self.count)
        return {"repeated": self.again / count, "contrast": self.contrast / count if self.count else 1.0}

    def plain(self) -> dict[str, Any]:
        return {"recent": list(self.recent), "count": self.count, "again": self.again, "contrast": self.contrast}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self.recent.extend(kept["recent"])
        self.count, self.again, self.contrast = kept["count"], kept["again"], kept["contrast"]


class Doctor:
    """Looks at one run; `history` holds what was seen since it was last treated."""

    def __init__(self, run: Run, policy: Policy) -> None:
        self.run, self.policy = run, policy
        self.history: list[Vitals] = []
        self.past: list[Vitals] = []
        self.said: list[dict[str, Any]] = []
        self.treated, self.since, self.ended, self.off = 0, 0.0, "", False
        self.mark, self.spent, self.price = next_mark(0.0, EVERY), 0.0, FIRST_PRICE
        self.healthy: dict[str, Any] | None = None
        """the last weights that had no sign of an illness whose cure goes back"""
        self.rate = run.trainer.rate_factor
        """of the learning rate, then"""
        self.learned, self.fresh, _ = chosen_of(run.train_set, run.held)
        self.mirror: Mirror | None = None
        self.pipeline = Pipeline(
            usual_contrast(self.learned, run.settings.batch), len(self.learned) / run.settings.batch
        )
        self.losses: dict[str, list[float]] = {}
        """phase -> sum and number since the last look"""
        self.skipped = run.trainer.skipped

    # Seeing.

    def note(self, progress: Progress) -> None:
        """Take notice of a step."""
        for phase in self.run.trainer.phases:
            if phase.name in progress.figures:
                total, count = self.losses.get(phase.name, (0.0, 0))
                self.losses[phase.name] = [total + progress.figures[phase.name], count + 1]

    def due(self, done: float) -> bool:
        """Whether it is time to look, and there is time for it. Where it may act on a budget of steps it always is, so
        that the same training is treated at the same steps."""
        exact = self.policy == "act" and not self.run.trainer.budget.minutes
        cheap = exact or self.spent + self.price <= DEAR * self.run.trainer.seconds
        return done >= self.mark and cheap and not self.off

    @torch.no_grad()
    def look(self, done: float) -> Vitals:
        """Measure the run as it is, `done` of its budget. Nothing of it changes, its chance included."""
        run, t = self.run, self.run.trainer
        began = time.perf_counter()
        self.mirror = self.mirror or mirror_of(run.train_set, run.held)
        self.spent += time.perf_counter() - began
        began, state = time.perf_counter(), torch.get_rng_state()
        painters = run.family.painter(t.model), t.average.module
        live, average = (portraits(run.present(copy.deepcopy(painter))) for painter in painters)
        vitals = Vitals(
            t.step, done, **self.mirror.look(live, average), gap=self.gap(), bias=self.bias(),
            losses={name: total / count for name, (total, count) in self.losses.items()},
            skipped=t.skipped - self.skipped, **self.pipeline.numbers(),
        )  # fmt: skip
        torch.set_rng_state(state)
        self.losses, self.skipped = {}, t.skipped
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
            found = [self.error(model, part, number) for number, part in enumerate(pictures[:REAL].split(AT_ONCE))]
            known = [value for value in found if value is not None]
            if not known:
                return None
            errors.append(sum(known) / len(known))
        gap = errors[0] / max(errors[1], 1e-9)
        return gap if math.isfinite(gap) else None

    def error(self, model: nn.Module, pictures: Tensor, number: int) -> float | None:
        device = self.run.trainer.device
        now = Now(0, 0.5, Chance(0, number, "doctor", device=device))
        error = self.run.family.error(model, self.run.config, Batch(to_float(pictures).to(device), None), now)
        return None if error is None else float(error)

    def bias(self) -> float | None:
        """How much more real than held-out pictures the critic finds those it has seen."""
        run, scores = self.run, []
        model = copy.deepcopy(run.trainer.model).eval()
        for pictures in (self.learned, self.fresh):
            parts = [to_float(part).to(run.trainer.device) for part in pictures[:REAL].split(AT_ONCE)]
            found = [run.family.realness(model, run.config, part, None) for part in parts]
            known = [one.cpu() for one in found if one is not None]
            if not known:
                return None
            scores.append(torch.cat(known))
        return more_often(scores[0], scores[1])

    # Saying and doing.

    def visit(self, done: float) -> str:
        """Look, judge, and treat if that is wanted; returns what is to be said."""
        try:
            self.look(done)
        except DanqingError as error:
            self.off = True
            return f"The doctor cannot look at this training ({error}) and leaves."
        self.mark = next_mark(done, EVERY)
        found = illnesses_of(self.course())
        if self.policy == "act" and not back_signs(self.history):
            self.healthy, self.rate = self.run.trainer.copied(), self.run.trainer.rate_factor
        said = self.answer(found) if found else ""
        self.keep()
        return said

    def answer(self, found: list[Illness]) -> str:
        """What is to be said of illnesses, after the first that can be treated was."""
        sentence, first, done = found[0].sentence(self.history), found[0], ""
        for one in found if self.policy == "act" and self.treated < TREATMENTS else ():
            words = one.sentence(self.history)
            if done := self.treat(one):
                sentence, first = words, one
                break
        step = self.run.trainer.step
        self.said += [{"step": step, "illness": one.name, "done": done if one is first else ""} for one in found]
        return f"{sentence} {done or first.advice}"

    def course(self) -> list[Vitals]:
        """The looks since the last treatment, their time in shares of the budget that was left then, and steps."""
        left, step = max(1 - self.since, 1e-9), self.past[-1].step if self.past else 0
        return [replace(one, done=(one.done - self.since) / left, step=one.step - step) for one in self.history]

    def treat(self, illness: Illness) -> str:
        """Do what helps, and say what was done; '' where nothing does."""
        trainer, change = self.run.trainer, self.run.family.remedies(self.run.config, illness.name)
        trainer.whole = False  # who stops it in the middle finds the last saving
        if illness.cure == "stop":
            self.ended = done = "The training was stopped."
        elif illness.cure == "best":
            self.ended = done = f"{self.back()} The training was stopped.".strip()
        elif illness.cure == "average":
            self.settle(ema=trainer.shorten_average())
            done = f"The average was made shorter (ema = {self.run.settings.ema:g}) and begins anew."
        elif change:
            another = any(isinstance(value, str) for value in change.values())  # not only a stronger one
            done = self.start_over(another) if illness.cure in BACK else ""
            self.change(change)
            done = f"{done} Changed {', '.join(f'{name} = {value}' for name, value in change.items())}.".strip()
        elif illness.cure == "slower":
            done = f"{self.start_over(False)} The learning rate is a quarter of what it was."
            trainer.rate_factor = self.rate = min(self.rate, trainer.rate_factor) / SLOWER
        else:
            done = ""
        trainer.whole = True
        if done:
            self.treated += 1
            self.since = self.history[-1].done if self.history else self.since
            self.past += self.history
            self.history = []
        return done

    def start_over(self, anew: bool) -> str:
        """Where a treated training goes on. Another game begins anew, for the weights of the old one do it no good, and
        so does one without healthy weights, if enough of the budget is left; others go back to the healthy weights."""
        self.run.best.misses = 0
        spent = self.history[-1].done if self.history else 0.0
        if (anew or not self.healthy) and spent <= 1 - ENOUGH:
            self.run.trainer.take_up(self.run.beginning)
            self.healthy = None
            return "Began anew."
        return self.back() or "Went on with the present weights: it is too late to begin anew."

    def back(self) -> str:
        """To the last healthy weights; says where to. '' where there are none: the present ones stay."""
        if not self.healthy:
            return ""
        self.run.trainer.take_up(self.healthy)
        return f"Went back to the healthy weights of step {self.healthy['step']}."

    def change(self, settings: Mapping[str, Any]) -> None:
        """New settings of the model, whose networks stay."""
        run = self.run
        self.remember(settings)
        run.plan = replace(run.plan, model={**run.plan.model, **settings})
        run.config = read(run.family.Config, run.plan.model, f"the preset {run.plan.preset}")
        run.trainer.phases = run.family.phases(run.trainer.model, run.config)

    def settle(self, **settings: Any) -> None:
        """New settings of the training."""
        run = self.run
        self.remember(settings)
        run.plan = replace(run.plan, train={**run.plan.train, **settings})
        run.settings = replace(run.settings, **settings)

    def remember(self, settings: Mapping[str, Any]) -> None:
        """What was asked for, so that the same command goes on with the training."""
        plan = self.run.plan
        before = {name: {**plan.model, **plan.train}[name] for name in settings}
        self.run.plan = replace(plan, asked={**before, **plan.asked})

    # Keeping.

    def plain(self) -> dict[str, Any]:
        """JSON-safe: all that was seen and said."""
        seen = [vitals.plain() for vitals in (*self.past, *self.history)]
        state = {name: getattr(self, name) for name in STATE}
        healthy = self.healthy["step"] if self.healthy else None
        return {"looks": seen, "past": len(self.past), "healthy": healthy, "pipeline": self.pipeline.plain(), **state}

    def tensors(self) -> dict[str, Tensor]:
        """The healthy weights, by flat names."""
        kept = self.healthy or {}
        return {f"{HEALTHY}/{part}/{name}": value for part in PARTS for name, value in kept.get(part, {}).items()}

    def restore(self, kept: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
        """Go on as the doctor that was there, but by the policy that is wanted now."""
        if not kept:
            return
        looks, past, policy = [Vitals.read(look) for look in kept["looks"]], kept["past"], self.policy
        self.past, self.history = looks[:past], looks[past:]
        healthy: dict[str, Any] = {part: {} for part in PARTS} | {"step": kept["healthy"]}
        for name, value in tensors.items():
            if name.startswith(f"{HEALTHY}/"):
                _, part, own = name.split("/", 2)
                healthy[part][own] = value
        self.healthy = healthy if healthy["model"] else None
        for name in STATE:
            setattr(self, name, kept[name])
        self.policy = policy
        self.pipeline.restore(kept["pipeline"])
        t = self.run.trainer  # not t.fraction, which all processes must ask for together
        self.since = min(self.since, t.budget.fraction(t.step, t.pictures, t.seconds))  # the budget may have grown

    def keep(self) -> None:
        """Beside the model, for people."""
        write_atomic(self.run.folder / FILE, json.dumps(self.plain(), indent=1).encode())


def back_signs(looks: Sequence[Vitals]) -> bool:
    """Whether the newest look has a sign of an illness that one would go back from."""
    return any(one.cure in BACK for one in signs_of(looks[-1], looks[:-1]))


def usual_contrast(pictures: Tensor, batch: int) -> float:
    """Mean contrast of sound batches of that size, of (N, C, S, S) uint8."""
    parts = [part for part in to_float(pictures[: 8 * batch]).split(batch) if len(part) == batch] or [
        to_float(pictures)
    ]
    return sum(map(contrast_of, parts)) / len(parts)


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
