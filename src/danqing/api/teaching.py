"""Teach from a few pictures: a painter something new, or the fast engine a manner."""

import re
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from danqing.api.act import act
from danqing.api.lesson_pictures import Lesson, opened
from danqing.api.studios import Studio, any_painter
from danqing.api.stylizing import LEAST, SUFFIXES, eyes, styler, within
from danqing.api.teaching_loras import teach_lora
from danqing.api.teaching_words import teach_word
from danqing.errors import BadInputError, UsageError
from danqing.families.style.learning import Pupil, learn, pupil
from danqing.families.style.looks import LOOKS
from danqing.families.style.taught import KEPT, Taught, read_taught, write_taught
from danqing.home import models_folder, taught_file
from danqing.images.reading import BadPictureError, read
from danqing.limits import LESSON_MINUTES
from danqing.types import Progress

MOST = 50
"""pictures of one school"""
STEPS = 150


@act
def teach(
    pictures: str | Path | Sequence[str | Path],
    name: str | Sequence[str],
    *,
    base: Any = None,
    minutes: float = LESSON_MINUTES,
    out: str | Path | None = None,
    seed: int = 0,
    again: bool = False,
) -> Generator[Progress, None, Lesson]:
    """Give a painter something new from 3 to 200 pictures of it: a figure, a thing, a face.

    pictures  a folder, with what each shows in metadata.csv or NAME.txt if it is known, or some files
    name      what it is called in prompts; a painter of Danqing takes several spellings ("bulu", "布噜")
    base      None for Danqing's own painter: what comes out is a painter's folder. A model of diffusers: what comes out
              is a LoRA
    out       a folder; left out, one among the models, where commands and the studio find it by name
    again     teach anew what was taught in that folder before
    minutes   of learning, at most, beside about half a minute of looking before and after; it ends before where the
              pictures that are held out are not painted better any more

    Ctrl+C (closing the generator) keeps what was learned so far. Raises UsageError, NotFoundError, BadInputError,
    DiskError.
    """
    names = [name] if isinstance(name, str) else list(name)
    if minutes <= 0:
        raise UsageError(f"{minutes} minutes came; give more than 0.")
    folder = place(names, out)
    studio = any_painter(base)
    teacher = teach_word if isinstance(studio, Studio) else teach_lora
    opened(folder, again)
    try:
        return (yield from teacher(studio, pictures, names, folder, minutes, seed))
    finally:
        if not any(folder.iterdir()):
            folder.rmdir()


def place(names: Sequence[str], out: str | Path | None) -> Path:
    """The folder of a lesson.

    >>> place(["My Bulu", "布噜"], None).name
    'my-bulu'
    """
    stem = re.sub(r"[\W_]+", "-", (names[0] if names else "").lower()).strip("-")
    return models_folder() / (stem or "taught") if out is None else Path(out)


@act
def teach_style(
    pictures: str | Path | Sequence[str | Path],
    name: str,
    *,
    steps: int = STEPS,
    model: str | Path | None = None,
    seed: int = 0,
    again: bool = False,
) -> Generator[Progress, None, Path]:
    """Learn the manner of a folder of pictures, or of some files, and keep it under `name` for `stylize`.

    1 to 50 pictures; a folder's files that are no pictures are passed over. Ctrl+C (closing the generator) keeps what
    was learned so far. `again` teaches a name anew that is known already. Raises UsageError, NotFoundError,
    BadInputError, DiskError.
    """
    path = taught_file(name)
    if name in LOOKS:
        raise UsageError(f"'{name}' is a manner that comes with Danqing; choose another name.")
    if path.exists() and not again:
        raise UsageError(f"'{name}' is taught already; choose another name, or teach it --again.")
    if steps < 1:
        raise UsageError(f"{steps} steps came; give at least 1.")
    painter, sha = styler("fast", model)
    assert painter is not None
    shown = yield from school(pictures)
    mine = pupil(painter, eyes("max"), shown)
    taken = 0
    try:
        for figures in learn(painter, eyes("max"), mine, shown, steps, seed):
            taken += 1
            yield Progress("train", taken / steps, figures=figures)
    finally:
        if taken:
            write_taught(path, taught_of(name, mine, shown, sha, taken))
    return path


def taught_of(name: str, mine: Pupil, pictures: Sequence[np.ndarray], sha: str, steps: int) -> Taught:
    return Taught(name, mine.manners.detach(), mine.shift.detach(), pictures, sha[:12], steps)


def school(pictures: str | Path | Sequence[str | Path]) -> Generator[Progress, None, list[np.ndarray]]:
    """(H, W, 3) uint8 of at most KEPT pixels a side."""
    one = Path(pictures) if isinstance(pictures, (str, Path)) else None
    if one and one.is_dir():
        files = sorted(path for path in one.rglob("*") if path.suffix.lower() in SUFFIXES)
    else:
        files = [one] if one else [Path(path) for path in pictures]  # type: ignore[union-attr]
    found = []
    for file in files:
        try:
            picture = within(read(file), KEPT)
            if min(picture.shape[:2]) < LEAST:
                raise BadPictureError(file.name, f"a side is under {LEAST} pixels", "give larger pictures")
            found.append(picture)
        except BadPictureError as error:
            if not one or not one.is_dir():
                raise
            yield Progress("train", 0.0, message=f"Passed over: {error}")
    if not 1 <= len(found) <= MOST:
        raise BadInputError(f"{len(found)} pictures came; a manner is taught from 1 to {MOST}.")
    return found


def taught_style(name: str) -> Taught:
    """What is kept under that name. Raises NotFoundError, BadWeightsError."""
    return read_taught(taught_file(name))
