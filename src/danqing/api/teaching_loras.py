"""Teach a pretrained model from a few pictures; what comes out is a LoRA, a small file that goes on top of it.

OUT/NAME.safetensors, OUT/before-after.png, OUT/report.json
"""

import json
import time
from collections.abc import Callable, Generator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from danqing.api.lesson_pictures import REPORT, SHEET, Lesson, Shown, gathered, halved
from danqing.api.pretrained import Pretrained, scaled
from danqing.api.scoring import Best
from danqing.api.texttopicture import paint
from danqing.errors import UsageError
from danqing.families.pretrained import learning
from danqing.families.pretrained.fingerprints import fingerprint
from danqing.home import IMPOSSIBLE
from danqing.images.alpha import flat
from danqing.images.resizing import fit_square
from danqing.images.sheets import sheet
from danqing.images.writing import write_array, write_atomic
from danqing.nn.chance import Chance, derive
from danqing.train import Budget, Trainer, TrainSettings
from danqing.types import Batch, Now, Phase, Progress

STEPS = 600
TRAIN = TrainSettings(batch=2, optimizer="adamw", lr=2e-4, rate="cosine", warmup=20, ema=0.0, precision="fp32")
LOOK, PATIENCE = 25, 6
"""steps between two looks at what is held out, looks without progress that end the lesson"""
EXAM = 8
"""times and noises that each held-out picture is asked at"""
SHOWN = 2
"""pictures of a prompt on either side of the sheet"""


def teach_lora(
    studio: Pretrained,
    pictures: str | Path | Sequence[str | Path],
    names: Sequence[str],
    folder: Path,
    minutes: float,
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
    began, path = clock(), folder / f"{name}.safetensors"
    told: dict[str, Any] = {"name": name, "pictures": len(found), "held_out": len(held), "seed": seed, "scores": []}
    with studio.busy:
        pupil = learning.begin(studio.opened, learning.RANK, derive("lora", seed) % 2**31)
        try:
            yield from learn(pupil, part(lesson, kept), part(lesson, held), minutes, seed, told, clock)
        finally:
            if told.get("steps"):
                learning.write(pupil, path)
            learning.end(pupil)
    told |= {"minutes": round((clock() - began) / 60, 2), "model": studio.hash, "sha256": fingerprint(path)[:12]}
    write_atomic(folder / REPORT, json.dumps(told, indent=1, ensure_ascii=False).encode())
    picture = folder / SHEET
    write_array(comparison(studio, path, [name, captions[-1]]), picture)
    yield Progress("teach", 1.0)
    return Lesson(path, (name,), picture, told, f'danqing paint "{name}" --model {studio.name} --lora {path}')


def checked_name(names: Sequence[str]) -> str:
    if len(names) != 1 or not names[0].strip() or any(letter in IMPOSSIBLE for letter in names[0]):
        raise UsageError("A pretrained model is taught one name, of letters that a file may have; give one --name.")
    return names[0].strip()


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
    told: dict[str, Any],
    clock: Callable[[], float],
) -> Generator[Progress, None, None]:
    """Writes down in `told` what came of it; the best matrices are in the pupil in the end."""
    loss: Callable[[Batch, Now], Tensor] = partial(learning.lora_loss, pupil, kept.side)
    trainer = Trainer(
        pupil.learns, pupil.learns, [Phase("lora", pupil.learns, loss)], kept.at, TRAIN,
        Budget(steps=STEPS, minutes=minutes), seed=seed, precision=TRAIN.precision, clock=clock,
    )  # fmt: skip
    best = Best(PATIENCE)
    try:
        for progress in trainer.run():
            told["steps"] = trainer.step
            message = ""
            if len(held) and trainer.step % LOOK == 0:
                told["scores"].append(score(loss, held, seed))
                message = best.look(trainer, told["scores"][-1])
            yield Progress("teach", progress.done, progress.step, progress.seconds_left, progress.figures, message)
            if best.stops():
                break
    finally:
        if best.weights:
            pupil.learns.load_state_dict(best.weights)


@torch.no_grad()
def score(loss: Callable[[Batch, Now], Tensor], held: learning.Lessons, seed: int) -> float:
    """Mean loss on what was held out, always at the same times with the same noise."""
    rows = torch.arange(len(held)).repeat(EXAM)
    chances = (Chance("exam", seed, place) for place in range(len(rows)))
    found = [loss(held.of(row, row), Now(0, 0.0, chance)) for row, chance in zip(rows.split(1), chances, strict=True)]
    return float(torch.stack(found).mean())


def comparison(studio: Pretrained, lora: Path, prompts: Sequence[str]) -> np.ndarray:
    """A row for each prompt: SHOWN pictures before, as many of the same seeds after."""
    cells = [
        picture.pixels
        for prompt in prompts
        for worn in ((), (str(lora),))
        for picture in paint(prompt, n=SHOWN, model=studio, loras=worn).result().pictures
    ]
    heads = [text for word in ("before", "after") for text in (word, *[""] * (SHOWN - 1))]
    return sheet(cells, columns=2 * SHOWN, scale=1, row_captions=prompts, column_captions=heads)
