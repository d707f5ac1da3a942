"""How jobs are done: a function of each name in JOBS, from plain wishes to pictures and files, through the api.

    @kind("mine")
    def mine(wishes, desk): ...  # yields Progress, gives pictures to desk.keep, returns {name: bytes}

Pictures that a job needs are named by the ids of uploads or of pictures in the gallery, never by paths.
"""

import json
import re
import shutil
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from danqing import api
from danqing.api.teaching import place
from danqing.checkpoint import TRAINING
from danqing.errors import DanqingError, NotFoundError, UsageError, unknown
from danqing.gallery.gallery import NAME
from danqing.home import PARTS, PARTS_SEVERAL, REPORT, SHEET, fetched_part, model_named, taught_file, taught_names
from danqing.images.reading import read_rgba
from danqing.images.writing import read_recipe
from danqing.jobs.desk import Desk
from danqing.jobs.wishes import JOBS, check
from danqing.presets import looks
from danqing.registry import register
from danqing.types import Picture, Progress, Recipe
from danqing.version import __version__

Files = Mapping[str, bytes]
R = TypeVar("R")
Kind = Callable[[Mapping[str, Any], Desk], Generator[Progress, None, Files]]
SPELLINGS = re.compile("[,，、;；]")
FASHION = "fashion-mnist"
"""data that a training may name; other data is brought as pictures"""


def kind(name: str) -> Callable[[Kind], Kind]:
    """Files a function as the one that does the jobs of that name; it gets wishes that were checked, with paths."""

    def file(work: Kind) -> Kind:
        def checked(given: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
            check(name, given)
            brought = {one: desk.picture(given[one]) for one in JOBS[name].pictures if given.get(one) is not None}
            return work({**given, **brought}, desk)

        register("job", name)(checked)
        return work

    return file


@kind("paint")
def paint(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """Words to pictures; wishes as `danqing.paint` takes them."""
    painted = yield from told(api.paint(**chosen(wishes), watch=desk.keep, sketch=desk.sketch))
    return {"reading.json": encoded(painted.reading.plain())}


@kind("vary")
def vary(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """Another picture of the same; wishes as `danqing.vary` takes them."""
    yield from told(api.vary(**chosen(wishes), watch=desk.keep, sketch=desk.sketch))
    return {}


@kind("blend")
def blend(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """What lies between pictures; wishes as `danqing.blend` takes them."""
    given = chosen(wishes)
    pictures = [desk.picture(one) for one in given.pop("pictures", [])]
    yield from told(api.blend(pictures, **given, watch=desk.keep, sketch=desk.sketch))
    return {}


@kind("upscale")
def upscale(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """The same picture, larger; wishes as `danqing.upscale` takes them."""
    yield Progress("upscale", 0.0)
    given = dict(wishes)
    desk.keep(0, api.upscale(opened(given.pop("picture", "")), **given))
    return {}


@kind("stylize")
def stylize(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """A photo in other manners; `styles` are manners by name, or pictures as "picture:ID"."""
    given = dict(wishes)
    styles = [style_of(str(one), desk) for one in given.pop("styles", [])]
    desk.keep(0, (yield from told(api.stylize(given.pop("picture", ""), styles, **given))))
    return {}


@kind("describe")
def describe(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """What a picture may show; wishes as `danqing.describe` takes them."""
    yield Progress("describe", 0.0)
    given = dict(wishes)
    guesses = api.describe(given.pop("picture", ""), **given)
    return {"names.json": encoded([{"name": one.prompt, "score": round(one.score, 3)} for one in guesses])}


@kind("check")
def check_pictures(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """What is wrong with pictures that were brought, and the ids of those that are fine."""
    names = wishes.get("pictures", [])
    care = yield from told(api.check_data(desk.data(names)))
    kept = [names[int(Path(one.name).stem)] for one in care.good]
    shutil.rmtree(desk.folder / "data")
    return {"care.json": encoded(care.plain()), "kept.json": encoded(kept)}


@kind("teach")
def teach(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """A manner from 1 to 50 pictures; wishes as `danqing.teach_style` takes them."""
    given = dict(wishes)
    again = given.pop("again", False) or begun(desk, taught_file(str(given.get("name", ""))).exists())
    pictures = [desk.picture(one) for one in given.pop("pictures", [])]
    path = yield from told(api.teach_style(pictures, given.pop("name", ""), again=again, **given))
    return {"manner.json": encoded({"name": path.stem})}


@kind("figure")
def figure(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """Something new for the painter, as `danqing.teach` does it; `name` may hold several spellings with commas."""
    given = dict(wishes)
    names = [one.strip() for one in SPELLINGS.split(str(given.pop("name", ""))) if one.strip()]
    again = given.pop("again", False) or begun(desk, (place(names, None) / REPORT).exists())
    pictures = [desk.picture(one) for one in given.pop("pictures", [])]
    lesson = yield from told(api.teach(pictures, names, again=again, **given))
    return {name: (lesson.file / name).read_bytes() for name in (REPORT, SHEET)}


def begun(desk: Desk, there: bool) -> bool:
    """Whether this very job has begun what is there, so that what was left when it was stopped is taught anew."""
    mine = desk.folder / "begun"
    if not there:
        mine.parent.mkdir(parents=True, exist_ok=True)
        mine.touch()
    return mine.exists()


@kind("train")
def train(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """A model from pictures that were brought or from Fashion-MNIST; a killed worker's training is gone on with."""
    given = dict(wishes)
    pictures, data = given.pop("pictures", []), given.pop("data", FASHION)
    if not pictures and data != FASHION:
        raise UsageError(f"data = {data!r} cannot be trained on here; name {FASHION}, or bring pictures.")
    folder = desk.folder / "model"
    steps = api.train(
        given.pop("family", "diffusion"), desk.data(pictures) if pictures else data,
        out=folder, resume=(folder / TRAINING).exists(), **given,
    )  # fmt: skip
    yield from told(steps)
    return {}


@kind("sample")
def sample(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """Pictures of a model that a job has trained; wishes as `danqing.sample` takes them, `model` that job's id."""
    given = dict(wishes)
    pictures = yield from told(api.sample(trained(given.pop("model", ""), desk), **given))
    for number, picture in enumerate(pictures):
        desk.keep(number, picture)
    return {}


@kind("evaluate")
def evaluate(wishes: Mapping[str, Any], desk: Desk) -> Generator[Progress, None, Files]:
    """A report card of models, each named by the job that trained it, on Fashion-MNIST or on what the first learned."""
    folders = [trained(name, desk) for name in wishes.get("models", [])]
    brought = folders[0].parent / "data" if folders else Path()
    given = {key: value for key, value in wishes.items() if key != "models"}
    card = yield from told(api.report_card(folders, brought if brought.is_dir() else FASHION, **given))
    return {"card.html": card.html.encode(), "card.json": encoded(card.plain())}


def chosen(wishes: Mapping[str, Any]) -> dict[str, Any]:
    """With the model, where one is named: only such as were fetched or taught, never a path. Raises NotFoundError."""
    given = dict(wishes)
    if (name := given.pop("model", None)) is not None:
        given["model"] = model_named(name)
    given |= {part: shelved(given[part]) for part in PARTS if given.get(part)}
    given |= {part: [shelved(one) for one in given[part]] for part in PARTS_SEVERAL if given.get(part)}
    return given


def shelved(text: Any) -> str:
    """The path of what goes with a model, by its name alone; a weight stays behind it. Raises NotFoundError."""
    name, colon, weight = str(text).rpartition(":")
    return f"{fetched_part(name)}:{weight}" if colon else str(fetched_part(str(text)))


def trained(job: Any, desk: Desk) -> Path:
    """The folder of a model, by the job that trained it. Raises NotFoundError."""
    folder = desk.folder.parent / str(job) / "model"
    if not NAME.fullmatch(str(job)) or not (folder / "card.json").exists():
        raise NotFoundError(f"There is no model of a training '{str(job)[:64]}'; name a job that has trained one.")
    return folder


def told(act: api.Act[R]) -> Generator[Progress, None, R]:
    """An act's progress, and its result."""
    yield from act
    return act.result()


def opened(path: Path) -> Picture:
    """With its recipe, where there is one."""
    pixels = read_rgba(path)
    recipe = read_recipe(path) or Recipe("", "", "upload", 0, (pixels.shape[1], pixels.shape[0]), version=__version__)
    return Picture(pixels, recipe)


def style_of(text: str, desk: Desk) -> Any:
    """A manner by its name, or a picture; never a file of this machine. Raises NotFoundError."""
    mark, _, name = text.partition(":")
    if mark == "picture":
        return desk.picture(name)
    known = [*looks(), *taught_names()]
    if text not in known:
        raise unknown("manner", text, known)
    return text


def likeness(path: Path) -> np.ndarray:
    """(D,) of a picture, by which like ones are found; zeros where it cannot be read."""
    try:
        return api.embedding_of(api.load_painter(), path).numpy()
    except DanqingError:
        return np.zeros(1, np.float32)


def encoded(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, default=str).encode()
