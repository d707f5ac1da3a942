"""Which jobs there are and what each heeds, as plain data: a server checks them without loading a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danqing import settings
from danqing.errors import UsageError, unknown
from danqing.home import PARTS, PARTS_SEVERAL, REPORT, SHEET

PAINTING = ("n", "seed", "style", "steps", "guidance", "negative", "size", "transparent", "chaos", "model", "sampler")
DRESS = (*PARTS, *PARTS_SEVERAL, "control_kind", "control_strength", "engine")
STYLIZING = ("weights", "strength", "keep_colours", "brush", "size", "engine", "seed")
TRAINING = ("family", "minutes", "steps", "seed", "doctor", "data")
SKETCHES = "sketch-*.webp"
MOST = 64
"""pictures of one job"""
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("prompt", "negative", "text", "style", "then", "name", "family", "data", "doctor", "model", "lang",
                     "keep_colours", "engine", "label", "sampler", "control_kind", *PARTS), (str,)),
    **dict.fromkeys(("n", "seed", "steps", "size", "extend", "tries"), (int,)),
    **dict.fromkeys(("guidance", "chaos", "strength", "brush", "minutes", "control_strength"), (int, float)),
    **dict.fromkeys(("transparent", "tile", "add", "layers", "again"), (bool,)),
    **dict.fromkeys(("weights", "styles", "models", *PARTS_SEVERAL), (list,)),
}  # fmt: skip
"""what a wish of that name must be"""
SIZED = ("paint", "vary", "blend")
"""kinds whose size may be written 768x512"""
MOST_BROUGHT = 20_000
"""pictures that a training may bring"""


@dataclass(frozen=True)
class Wanted:
    wishes: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    """those that are pictures, by id"""
    several: tuple[str, ...] = ()
    """those that are lists of pictures, by ids"""
    files: tuple[str, ...] = ()
    """what it leaves in its folder that clients may see, as patterns"""
    needs: tuple[str, ...] = ()
    """those that must be there"""


JOBS: dict[str, Wanted] = {
    "paint": Wanted(
        ("prompt", *PAINTING, "tile", "strength", "add", "layers", "tries", "extend", "then", *DRESS),
        ("image", "mask", "style_ref", "image_prompt", "control"),
        files=("reading.json", SKETCHES),
    ),
    "vary": Wanted(("text", "strength", *PAINTING), ("picture",), (), (SKETCHES,), ("picture",)),
    "blend": Wanted(("text", "strength", "weights", *PAINTING), (), ("pictures",), (SKETCHES,), ("pictures",)),
    "upscale": Wanted(("size",), ("picture",), needs=("picture",)),
    "stylize": Wanted(("styles", *STYLIZING), ("picture",), needs=("picture", "styles")),
    "describe": Wanted(("lang", "n"), ("picture",), files=("names.json",), needs=("picture",)),
    "check": Wanted((), (), ("pictures",), ("care.json", "kept.json"), ("pictures",)),
    "teach": Wanted(
        ("name", "steps", "seed", "again"), (), ("pictures",), ("manner.json",), ("pictures", "name")
    ),
    "figure": Wanted(
        ("name", "minutes", "seed", "again"), (), ("pictures",), (REPORT, SHEET),
        ("pictures", "name"),
    ),
    "train": Wanted(
        TRAINING, (), ("pictures",),
        ("model/log.jsonl", "model/health.json", "model/sheet.png", "model/card.json", "model/samples/*.png"),
    ),
    "sample": Wanted(("model", "n", "seed", "label", "sampler", "steps", "guidance"), needs=("model",)),
    "evaluate": Wanted(("models", "n", "seed"), files=("card.html", "card.json"), needs=("models",)),
}  # fmt: skip
"""kind -> what it heeds; done by the function of that name in danqing.jobs.kinds"""


def check(kind: str, wishes: Mapping[str, Any]) -> None:
    """Raises NotFoundError for an unknown kind, UsageError for wishes that it does not know."""
    if kind not in JOBS:
        raise unknown("kind of job", kind, JOBS)
    wanted = JOBS[kind]
    settings.check_names(wishes, {*wanted.wishes, *wanted.pictures, *wanted.several}, f"a job of {kind}")
    for name in wanted.needs:
        if not wishes.get(name):
            raise UsageError(f"A job of {kind} needs {name}; give it.")
    for name, value in wishes.items():
        types = (int, str) if name == "size" and kind in SIZED else TYPES.get(name, (object,))
        if value is not None and not isinstance(value, types):
            kinds = " or ".join(one.__name__ for one in types)
            raise UsageError(f"{name} = {str(value)[:40]!r} is not possible here; give {kinds}.")
    if kind != "evaluate":
        check_count("n", wishes.get("n", 1), MOST)
    for name in wanted.several:
        found = wishes.get(name, [])
        if not isinstance(found, list):
            raise UsageError(f"{name} is no list of pictures; give their ids.")
        check_count(name, len(found) or 1, MOST_BROUGHT)


def check_count(name: str, count: Any, most: int) -> None:
    if not isinstance(count, int) or not 1 <= count <= most:
        raise UsageError(f"{name} = {count!r} pictures are not possible; choose 1 to {most:,}.")


def public_files(folder: Path, kind: str) -> list[str]:
    """What a job of that kind has left so far that clients may see, sorted."""
    found = {path for pattern in JOBS[kind].files for path in folder.glob(pattern)}
    return sorted(path.relative_to(folder).as_posix() for path in found)
