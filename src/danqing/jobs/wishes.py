"""Which jobs there are and what each heeds, as plain data: a server checks them without loading a model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from danqing import settings
from danqing.errors import UsageError, unknown

PAINTING = ("n", "seed", "style", "steps", "guidance", "negative", "size", "transparent", "chaos")
STYLIZING = ("weights", "strength", "keep_colours", "brush", "size", "engine", "seed")
MOST = 64
"""pictures of one job"""


@dataclass(frozen=True)
class Wanted:
    wishes: tuple[str, ...]
    pictures: tuple[str, ...] = ()
    """those that are uploads, by id"""


JOBS: dict[str, Wanted] = {
    "paint": Wanted(
        ("prompt", *PAINTING, "tile", "strength", "extend", "then"), ("image", "mask", "style_ref", "image_prompt")
    ),
    "vary": Wanted(("text", "strength", *PAINTING), ("picture",)),
    "stylize": Wanted(("styles", *STYLIZING), ("picture",)),
}
"""kind -> what it heeds; done by the function of that name in danqing.jobs.kinds"""


def check(kind: str, wishes: Mapping[str, Any]) -> None:
    """Raises NotFoundError for an unknown kind, UsageError for wishes that it does not know."""
    if kind not in JOBS:
        raise unknown("kind of job", kind, JOBS)
    settings.check_names(wishes, {*JOBS[kind].wishes, *JOBS[kind].pictures}, f"a job of {kind}")
    count = wishes.get("n", 1)
    if not isinstance(count, int) or not 1 <= count <= MOST:
        raise UsageError(f"n = {count!r} pictures are not possible; choose 1 to {MOST}.")
