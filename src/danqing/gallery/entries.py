"""One picture of the gallery: what its own recipe says, and what was said of it since."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from danqing import settings
from danqing.errors import BadInputError, UsageError


@dataclass(frozen=True)
class Marks:
    """Kept in a small file beside the picture; what is not said is as here."""

    created: float
    """seconds since 1970"""
    job: str = ""
    """that made it"""
    parents: tuple[str, ...] = ()
    """ids of the pictures it was made from"""
    tags: tuple[str, ...] = ()
    favourite: bool = False
    trashed: float | None = None
    """when it was thrown away, in seconds since 1970; None where it was not"""

    def text(self) -> bytes:
        return json.dumps(asdict(self), ensure_ascii=False).encode()


@dataclass(frozen=True)
class Entry:
    id: str
    """opaque"""
    width: int
    """pixels"""
    height: int
    marks: Marks
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """as in the picture; empty where it has none"""

    @property
    def prompt(self) -> str:
        return str(self.recipe.get("prompt") or self.recipe.get("label") or "")

    @property
    def words(self) -> str:
        """What it can be found by."""
        extra = self.recipe.get("extra") or {}
        drawn = [extra.get("drawn_as"), extra.get("style"), *map(str, extra.get("styles") or [])]
        return " ".join(str(one) for one in (self.prompt, self.recipe.get("model"), *drawn, *self.marks.tags) if one)

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "recipe": dict(self.recipe)}


def marks_of(text: bytes) -> Marks:
    """Raises BadInputError."""
    known = {one.name for one in fields(Marks)}
    try:
        values = json.loads(text)
        return settings.read(Marks, {name: value for name, value in values.items() if name in known})
    except (ValueError, AttributeError, UsageError) as error:
        raise BadInputError(
            f"The notes beside a picture are broken ({error}); the picture itself may be fine."
        ) from None


def entry_of(text: str) -> Entry:
    """From the JSON of `plain`."""
    values = json.loads(text)
    marks = values.pop("marks")
    return Entry(**values, marks=settings.read(Marks, marks))
