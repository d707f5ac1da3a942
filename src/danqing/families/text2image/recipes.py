"""How a painter is made: one table of plain settings per size of machine, from recipes.toml or a file of the user's."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from danqing.errors import UsageError, unknown
from danqing.settings import check_least, check_most, read, read_toml


@dataclass(frozen=True)
class PoolSettings:
    count: int = 60_000
    """composed pictures"""
    captions: int = 6
    """wordings of each"""
    seed: int = 0
    kinds: tuple[str, ...] = ("drawing", "symbol")
    """of the set's pictures; icons, silhouettes and flags are left to larger machines"""
    composed: float = 0.5
    """share of what is seen in training that is composed, the rest are plain pictures"""
    chinese: float = 0.45
    """share of Chinese captions where a picture has both"""

    def __post_init__(self) -> None:
        check_least(1, count=self.count, captions=self.captions)
        check_least(0, composed=self.composed, chinese=self.chinese)
        check_most(1, composed=self.composed, chinese=self.chinese)


@dataclass(frozen=True)
class PartSettings:
    """Of the codec, the prior or the decoder."""

    minutes: float
    """default budget"""
    model: Mapping[str, Any] = field(default_factory=dict)
    train: Mapping[str, Any] = field(default_factory=dict)
    few_step: float = 0.0
    """decoder: last share of the budget in which it learns to jump in few steps"""


@dataclass(frozen=True)
class School:
    """All that decides how a painter is made."""

    name: str
    pool: PoolSettings
    codec: PartSettings
    prior: PartSettings
    decoder: PartSettings
    style: str = ""
    """what is painted in where no style is named; any where that is empty"""


def school(which: str) -> School:
    """A shipped recipe by name (cpu, gpu), or NAME in a TOML file given as FILE.toml or FILE.toml:NAME."""
    path, _, name = which.rpartition(":") if ".toml:" in which else (which, "", "")
    if path.endswith(".toml"):
        tables, where = read_toml(own(path), path), path
        name = name or next(iter(tables), "")
    else:
        text = files("danqing").joinpath("families", "text2image", "recipes.toml").read_text(encoding="utf-8")
        tables, where, name = read_toml(text, "recipes.toml"), "recipes.toml", which
    if name not in tables:
        raise unknown("painter recipe", name, tables)
    row = tables[name]
    return School(
        name,
        read(PoolSettings, row.get("pool", {}), f"{where}, pool"),
        read(PartSettings, row["codec"], f"{where}, codec"),
        read(PartSettings, row["prior"], f"{where}, prior"),
        read(PartSettings, row["decoder"], f"{where}, decoder"),
        str(row.get("style", "")),
    )


def own(path: str) -> str:
    """The text of a user's recipe file; UsageError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"The recipe '{path}' cannot be read ({error}); give cpu, gpu or a TOML file.") from None
