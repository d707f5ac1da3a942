"""Train a preset or a family on pictures: from a name and a folder to a model folder with its card and a sheet."""

import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from danqing import checkpoint, registry, settings
from danqing.api import scoring
from danqing.api.act import act
from danqing.api.doctoring import POLICIES, Doctor, Policy
from danqing.api.logs import Log
from danqing.api.models import Model, load, parameters, ready, software
from danqing.api.painting import Wish, many, paint, wanted_labels
from danqing.api.plans import Plan, budget_of, choose, continued, fitted, overrides, place
from danqing.data.augmenting import Augment, augment
from danqing.data.batches import Batches
from danqing.data.pictures import PictureSet
from danqing.data.sources import load_split
from danqing.errors import UsageError, unknown
from danqing.evaluate.metrics import FEWEST
from danqing.images.sheets import sheet
from danqing.images.writing import write_array
from danqing.nn import precision
from danqing.nn.chance import Chance, derive
from danqing.nn.energy import Meter
from danqing.presets import all_presets
from danqing.train import Budget, Trainer, TrainSettings, processes
from danqing.train.budget import next_mark
from danqing.types import Batch, Card, Family, Progress

SHEET = 40
"""pictures on a sample sheet"""


@dataclass(frozen=True)
class Trained:
    """What a training leaves behind."""

    folder: Path
    model: Model
    sheet: Path
    message: str
    """one sentence: how it ended"""


@act
def train(
    what: str,
    data: str | Path,
    *,
    minutes: float | None = None,
    steps: int | None = None,
    pictures: int | None = None,
    out: str | Path | None = None,
    set: Mapping[str, Any] | None = None,
    seed: int = 0,
    resume: bool = False,
    device: str | None = None,
    save_every: float = 30.0,
    tensorboard: bool = False,
    doctor: Policy | None = None,
) -> Generator[Progress, None, Trained]:
    """Train `what` (a preset, or a family whose preset is chosen by the size of the pictures) on `data`.

    data      a folder, a .zip, an .npz or a named source such as fashion-mnist
    budget    minutes, steps or pictures, of several the first that is spent; the preset's own if none is given
    set       single settings of the model or the training, by name
    resume    go on with the unfinished training in `out`, exactly as it was left
    save_every  seconds between two savings of the training state
    doctor    "warn" says what is wrong with the training, "act" does something about it too, "off" does not look;
              as before where a training is resumed, else "warn"

    Stopping early (Ctrl+C) keeps everything. Raises UsageError, NotFoundError, BadInputError or DiskError.
    """
    rank, world = processes.join()
    device = device or precision.best_device()
    preset, reason = choose(what, data)
    folder = place(out, preset.name, str(data), resume)
    processes.wait(world, device)  # until all have chosen; the first then makes the folder
    kept = checkpoint.load_training(folder) if resume else None
    yield Progress("train", 0.0, message=reason)
    budget = budget_of(minutes, steps, pictures)
    if kept:
        plan = continued(Plan(**kept[1]["plan"]), preset, set or {}, budget)
    else:
        model, settings_ = overrides(preset, set or {})
        plan = Plan(preset.name, str(data), model, settings_, seed, budget or preset.budget)
    train_set, held = load_split(data, size=plan.model.get("size"), channels=plan.model.get("channels"))
    plan = fitted(plan, train_set, (set or {}).get("classes"))
    before = kept[1].get("doctor", {}).get("policy") if kept else None
    run = Run(plan, train_set, held, folder, device, rank, world, doctor=doctor or before or "warn")
    if kept:
        run.restore(*kept)
    return (yield from run.go(save_every, tensorboard))


class Run:
    """One training: the trainer, its folder, and what happens between its steps."""

    def __init__(
        self,
        plan: Plan,
        train_set: PictureSet,
        held: PictureSet,
        folder: Path,
        device: str,
        rank: int = 0,
        world: int = 1,
        clock: Callable[[], float] = time.perf_counter,
        doctor: Policy = "off",
    ) -> None:
        if doctor not in POLICIES:
            raise unknown("policy of the doctor", doctor, POLICIES)
        if doctor == "act" and world > 1:
            raise UsageError("The doctor acts in one process only; choose --doctor warn for several.")
        self.family: Family = registry.get("family", all_presets()[plan.preset].family)
        self.config = settings.read(self.family.Config, plan.model, f"the preset {plan.preset}")
        self.settings = settings.read(TrainSettings, plan.train, f"the preset {plan.preset}")
        agreed = plan.precision or processes.common_precision(self.settings.precision, device, world)
        self.plan = replace(plan, precision=agreed)
        self.train_set, self.held, self.folder, self.rank = train_set, held, folder, rank
        torch.manual_seed(derive("weights", plan.seed))
        model = self.family.build(self.config).to(device).to(memory_format=torch.channels_last)
        self.batches = Batches(train_set, self.settings.batch, plan.seed, rank, world, device)
        self.augment = augment_settings(self.settings)
        self.trainer = Trainer(
            model,
            self.family.painter(model),
            self.family.phases(model, self.config),
            self.batch_at,
            self.settings,
            Budget(**plan.budget),
            seed=plan.seed,
            precision=self.plan.precision,
            device=device,
            rank=rank,
            world=world,
            clock=clock,
        )
        self.best = scoring.Best(self.settings.patience)
        self.beginning = self.trainer.copied() if doctor == "act" else {}
        enough = len(train_set) >= 2 * FEWEST
        self.doctor = Doctor(self, doctor) if doctor != "off" and rank == 0 and enough else None
        self.drawing = 0.0
        self.meter, self.spent = Meter(), 0.0
        if self.settings.batch // world < 2:
            raise UsageError(f"batch = {self.settings.batch} is too small for {world} processes; give each at least 2.")

    def batch_at(self, step: int) -> Batch:
        batch = self.batches.at(step)
        if self.doctor:
            self.doctor.pipeline.see(batch.pictures)
        chance = Chance(
            "augment",
            self.plan.seed,
            step,
            rank=self.batches.rank,
            world=self.batches.world,
            device=self.trainer.device,
        )
        return replace(batch, pictures=augment(batch.pictures, self.augment, chance))

    def go(self, save_every: float, tensorboard: bool) -> Generator[Progress, None, Trained]:
        message = f"{describe(self.train_set)}; {self.plan.precision}; {parameters(self.trainer.model):,} parameters."
        yield Progress("train", self.trainer.fraction, self.trainer.step, message=message)
        log = Log(self.folder, self.trainer.step, tensorboard) if self.rank == 0 else None
        ended = "The training was stopped early; everything is kept. Go on with --resume."
        try:
            yield from self.steps(log, save_every)
            ended = self.doctor.ended if self.doctor and self.doctor.ended else "The training is done."
        except BaseException as stop:
            if isinstance(stop, Exception):
                ended = "The training broke off; the last good state is kept. Go on with --resume."
            raise
        finally:
            if log:
                log.close()
                if self.trainer.whole:  # stopped in the middle of a step, the last saving stands
                    self.save_state()
                self.save_model(self.trainer.average.module)
        yield Progress("train", 1.0, self.trainer.step, 0.0, message=ended)
        return self.finished(ended)

    def steps(self, log: Log | None, save_every: float) -> Generator[Progress, None, None]:
        """The trainer's events, with sheets, savings and scores in between."""
        if self.best.stops() or (self.doctor and self.doctor.ended):
            return
        saved, next_sheet = time.monotonic(), next_mark(self.trainer.fraction, 0.1)
        next_score = next_mark(self.trainer.fraction, self.settings.score_every)
        for progress in self.trainer.run():
            figures = {**progress.figures, "pictures/s": self.trainer.pictures_per_second}
            progress = replace(progress, figures=figures)
            if progress.done >= next_score:
                next_score = next_mark(progress.done, self.settings.score_every)
                score = self.score()
                verdict = self.best.look(self.trainer, score)
                progress = replace(progress, figures={**figures, "score": score}, message=verdict or progress.message)
            if self.doctor:
                self.doctor.note(progress)
                if self.doctor.due(progress.done):
                    progress = replace(progress, message=self.doctor.visit(progress.done) or progress.message)
            if log:
                log.write(progress, self.trainer.seconds)
            if log and time.monotonic() - saved > save_every:
                self.meter.watt_hours()
                self.save_state()
                saved = time.monotonic()
            if log and progress.done >= next_sheet:
                next_sheet = next_mark(progress.done, 0.1)
                self.draw_on_the_way(progress.step)
            yield progress
            if self.best.stops() or (self.doctor and self.doctor.ended):
                return

    def score(self) -> float:
        """Distance of the averaged painter's pictures to the held-out ones; smaller is better."""
        return processes.agree(scoring.distance(self.present(), self.held), self.trainer.world, self.trainer.device)

    def finished(self, ended: str) -> Trained:
        if self.best.weights is not None:
            last = self.score()
            if self.best.score <= last and self.best.step != self.trainer.step:
                self.trainer.average.module.load_state_dict(self.best.weights)
                if self.rank == 0:
                    self.save_model(
                        self.trainer.average.module, {"best step": self.best.step, "score": self.best.score}
                    )
                ended += f" The model of step {self.best.step} scored best and is the one that was kept."
        picture = self.folder / "sheet.png"
        if self.rank == 0:
            self.draw(picture)
        processes.wait(self.trainer.world, self.trainer.device)  # for the files of the first
        return Trained(self.folder, load(self.folder), picture, ended)

    # Saving.

    def save_state(self) -> None:
        numbers = {"trainer": self.trainer.numbers(), "best": self.best.numbers()}
        best = {f"best/{name}": value for name, value in (self.best.weights or {}).items()}
        if self.doctor:
            best |= self.doctor.tensors()
        doctor = {"doctor": self.doctor.plain()} if self.doctor else {}
        state = {"plan": self.plan.plain(), **numbers, **doctor, "watt_hours": self.watt_hours()}
        checkpoint.save_training(self.folder, {**self.trainer.tensors(), **best}, state)

    def restore(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> None:
        """Go on from what `save_state` kept."""
        self.trainer.restore(dict(tensors), state["trainer"])
        weights = {n.removeprefix("best/"): value for n, value in tensors.items() if n.startswith("best/")}
        self.best.restore(state["best"], weights)
        self.spent = state.get("watt_hours") or 0.0
        if self.doctor:
            self.doctor.restore(state.get("doctor", {}), tensors)

    def save_model(self, painter: nn.Module, metrics: Mapping[str, float] | None = None) -> None:
        card = replace(self.card(painter), metrics=metrics or {})
        checkpoint.save_model(self.folder, painter.state_dict(), card)

    def card(self, painter: nn.Module) -> Card:
        t = self.trainer
        return Card(
            name=self.folder.resolve().name,
            family=self.family.name,
            preset=self.plan.preset,
            config=settings.plain(self.config),
            train={**settings.plain(self.settings), "precision": self.plan.precision, "budget": dict(self.plan.budget)},
            data=settings.plain(self.train_set.card),
            seed=self.plan.seed,
            steps=t.step,
            pictures_seen=t.pictures,
            seconds=round(t.seconds, 1),
            parameters=parameters(painter),
            watt_hours=self.watt_hours(),
            software=software(),
            created=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )

    def watt_hours(self) -> float | None:
        """Of this training, before and after it was resumed."""
        now = self.meter.watt_hours()
        return None if now is None else round(self.spent + now, 3)

    def present(self, painter: nn.Module | None = None) -> Model:
        """A painter as it is now; the averaged one if none is named."""
        painter = painter or self.trainer.average.module
        return Model(self.family, self.config, ready(painter, self.trainer.device), self.card(painter), "")

    def draw_on_the_way(self, step: int) -> None:
        """A sheet of the present samples, unless the sheets so far took more than a tenth of the training's time."""
        if self.drawing > 0.1 * self.trainer.seconds:
            return
        began = time.perf_counter()
        model = self.present()
        groups = [pixels for pixels, _ in many(model, SHEET, 0, at_once=SHEET)]
        path = self.folder / "samples" / f"{step:07d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_array(sheet(torch.cat(groups), columns=10), path)
        self.drawing += time.perf_counter() - began

    def draw(self, path: Path) -> None:
        """A sheet of the averaged painter's pictures, always of the same seeds."""
        path.parent.mkdir(parents=True, exist_ok=True)
        model, wish = self.present(), Wish()
        seeds = range(SHEET)
        labels = wanted_labels(model, wish, seeds)
        rows = [paint(model, wish, seeds[i : i + 4], labels[i : i + 4]) for i in range(0, SHEET, 4)]
        write_array(sheet([array for row in rows for array in row], columns=10), path)


def augment_settings(s: TrainSettings) -> Augment:
    return Augment(
        flip=s.flip,
        rotate=s.rotate,
        scale=s.scale,
        translate=s.translate,
        crop=s.crop,
        brightness=s.colour,
        contrast=s.colour,
        saturation=s.colour,
    )


def describe(pictures: PictureSet) -> str:
    card = pictures.card
    kinds = f" of {len(card.labels)} kinds" if card.labels else ""
    out = f", {sum(card.left_out.values())} files left out" if card.left_out else ""
    return f"{len(pictures):,} pictures{kinds} from {card.name}, {card.size} px{out}"
