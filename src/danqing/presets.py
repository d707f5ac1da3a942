"""Presets are rows: each family's folder holds a `presets.toml`. Read without importing torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from danqing import registry
from danqing.errors import unknown
from danqing.settings import read_toml


@dataclass(frozen=True)
class Preset:
    """A named model and the training that suits it."""

    name: str
    family: str
    about: Mapping[str, str]
    """'en' and 'zh'"""
    model: Mapping[str, Any]
    train: Mapping[str, Any]
    minutes: float
    """default budget on two CPU cores"""
    sizes: tuple[int, int]
    """smallest and largest picture side for which it is the family's default; (0, 0) for never"""
    pictures: int | None = None
    """where it ends before the minutes are over, for it gets worse afterwards"""

    @property
    def budget(self) -> dict[str, Any]:
        """As arguments of Budget."""
        return {"minutes": self.minutes} | ({"pictures": self.pictures} if self.pictures else {})


@cache
def all_presets() -> dict[str, Preset]:
    """Name -> preset, of every family."""
    found: dict[str, Preset] = {}
    for folder in sorted(files("danqing").joinpath("families").iterdir(), key=lambda f: f.name):
        table = folder / "presets.toml"
        if table.is_file():
            for name, row in read_toml(table.read_text(encoding="utf-8"), f"{folder.name}/presets.toml").items():
                found[name] = _preset(name, folder.name, row)
    return found | {name: registry.get("preset", name) for name in registry.names("preset")}


def _preset(name: str, family: str, row: Mapping[str, Any]) -> Preset:
    low, high = row.get("default_for", (0, 0))
    return Preset(
        name, family, row["about"], row["model"], row["train"], row["minutes"], (low, high), row.get("pictures")
    )


def get_preset(name: str) -> Preset:
    try:
        return all_presets()[name]
    except KeyError:
        raise unknown("preset or family", name, {*all_presets(), *families()}) from None


def families() -> list[str]:
    return sorted({preset.family for preset in all_presets().values()})


def default_preset(family: str, side: int) -> Preset:
    """The family's own choice for pictures of `side` pixels."""
    rows = [p for p in all_presets().values() if p.family == family and p.sizes != (0, 0)]
    fitting = [p for p in rows if p.sizes[0] <= side <= p.sizes[1]]
    return fitting[0] if fitting else max(rows, key=lambda p: p.sizes[1])


@cache
def looks() -> Mapping[str, Mapping[str, Any]]:
    """Name -> row of looks.toml: the manners that come with Danqing."""
    text = files("danqing").joinpath("families", "style", "looks.toml").read_text(encoding="utf-8")
    return read_toml(text, "looks.toml")
