"""Teach a pretrained model from a few pictures; what comes out is a LoRA, a small file that goes on top of it.

OUT/OUT.safetensors, OUT/before-after.png, OUT/report.json
"""

import shlex
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from danqing.api.lesson_pictures import Lesson, Shown, compared, gathered, halved, told
from danqing.api.pretrained import Pretrained, scaled
from danqing.api.scoring import Best
from danqing.errors import UsageError
from danqing.families.pretrained import learning
from danqing.families.pretrained.fingerprints import fingerprint
from danqing.home import LONGEST
from danqing.images.alpha import flat
from danqing.images.resizing import fit_square
from danqing.limits import LESSON_MINUTES
from danqing.nn.chance import Chance, derive
from danqing.train import Budget, Trainer, TrainSettings
from danqing.types import Batch, Now, Phase, Progress

STEPS = 600
TRAIN = TrainSettings(batch=2, optimizer="adamw", lr=2e-4, rate="cosine", warmup=20, ema=0.0, precision="fp32")
LOOK, PATIENCE = 25, 6
"""steps between two looks at what is held out, looks without progress that end the lesson"""
EXAM = 16
"""times and noises that the held-out pictures are asked at, all together"""
SHOWN = 2
"""pictures of a prompt on either side of the sheet"""


def teach_lora(
    studio: Pretrained,
    pictures: str | Path | Sequence[str | Path],
    names: Sequence[str],
    folder: Path,
    minutes: float = LESSON_MINUTES,
    seed: int = 0,
    clock: Callable[[], float] = time.perf_counter,
) -> Generator[Progress, None, Lesson]:
    """The generator behind `teach` for a pretrained model."""
    name = checked_name(names)
    learning.check(studio.opened)
    found = yield from gathered(pictures)
    captions = [spoken(name, one) for one in found]
    lesson = learning.lessons(studio.opened, squares(found, studio.opened.side), captions, TRAIN.batch, seed)
    kept, held = halved(len(found))
    began, path = clock(), folder / f"{folder.name}.safetensors"
    report: dict[str, Any] = {"name": name, "pictures": len(found), "held_out": len(held), "seed": seed, "scores": [],
                              "model": studio.hash}  # fmt: skip
    with studio.busy, learning.taught(studio.opened, learning.RANK, derive("lora", seed) % 2**31) as pupil:
        try:
            yield from learn(pupil, part(lesson, kept), part(lesson, held), minutes, seed, report, clock)
        finally:
            if report.get("steps"):
                learning.write(pupil, path)
                report |= {"minutes": round((clock() - began) / 60, 2), "sha256": fingerprint(path)[:12]}
                told(folder, report)
    sides: list[dict[str, Any]] = [{"model": studio}, {"model": studio, "loras": (str(path),)}]
    picture = yield from compared(folder, [name, captions[-1]], sides, SHOWN)
    command = ["danqing", "paint", name, "--model", str(studio.opened.path), "--lora", str(path)]
    return Lesson(path, (name,), picture, report, shlex.join(command))


def checked_name(names: Sequence[str]) -> str:
    name = names[0].strip() if len(names) == 1 else ""
    if not 0 < len(name) <= LONGEST or not name.isprintable():
        raise UsageError(f"A pretrained model is taught one name of 1 to {LONGEST} letters; give one --name.")
    return name


def spoken(name: str, one: Shown) -> str:
    """What is written about a picture, with the name in it."""
    return one.caption if name.casefold() in one.caption.casefold() else f"{name} {one.caption}".strip()


def squares(found: Sequence[Shown], side: int) -> Tensor:
    """(N, 3, side, side) in [-1, 1], the middle of each picture."""
    cut = (fit_square(flat(one.picture.rgba), side, "crop", "white") for one in found)
    return torch.cat([scaled(np.asarray(one), (side, side)) for one in cut]) * 2 - 1


def part(lesson: learning.Lessons, rows: Sequence[int]) -> learning.Lessons:
    """Some of the pictures, and no words at the end."""
    words = tuple(lesson.words[row] for row in (*rows, -1))
    return learning.Lessons(lesson.latents[list(rows)], words, lesson.side, lesson.batch, lesson.seed)


def learn(
    pupil: learning.Pupil,
    kept: learning.Lessons,
    held: learning.Lessons,
    minutes: float,
    seed: int,
    report: dict[str, Any],
    clock: Callable[[], float],
) -> Generator[Progress, None, None]:
    """Writes down in `report` what came of it; the best matrices are in the pupil in the end."""
    loss: Callable[[Batch, Now], Tensor] = partial(learning.lora_loss, pupil, kept.side)
    trainer = Trainer(
        pupil.learns, pupil.learns, [Phase("lora", pupil.learns, loss)], kept.at, TRAIN,
        Budget(steps=STEPS, minutes=minutes), seed=seed, precision=TRAIN.precision, clock=clock,
    )  # fmt: skip
    best = Best(PATIENCE)
    try:
        for progress in trainer.run():
            report["steps"], message = trainer.step, progress.message
            if len(held) and trainer.step % LOOK == 0:
                report["scores"].append(score(loss, held, seed))
                message = best.look(trainer, report["scores"][-1])
            yield replace(progress, act="teach", message=message)
            if best.stops():
                break
    finally:
        if best.weights:
            pupil.learns.load_state_dict(best.weights)


@torch.no_grad()
def score(loss: Callable[[Batch, Now], Tensor], held: learning.Lessons, seed: int) -> float:
    """Mean loss on what was held out, always at the same times with the same noise."""
    rows = torch.arange(EXAM) % len(held)
    chances = (Chance("exam", seed, place) for place in range(EXAM))
    found = [loss(held.of(row, row), Now(0, 0.0, chance)) for row, chance in zip(rows.split(1), chances, strict=True)]
    return float(torch.stack(found).mean())
