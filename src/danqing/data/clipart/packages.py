"""What the set is made of: packages by exact version and checksum, the drawings in them and their licences."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PERMISSIVE = frozenset({"MIT", "Apache-2.0", "CC0-1.0", "CC-PDDC", "CC-BY-3.0", "CC-BY-4.0"})
"""SPDX names; CC-PDDC is the Creative Commons public domain dedication"""


@dataclass(frozen=True)
class Package:
    """One npm package, as `npm pack` brings it."""

    name: str
    version: str
    integrity: str
    """sha512 of the tarball, as the registry states it"""

    @property
    def spec(self) -> str:
        return f"{self.name}@{self.version}"

    @property
    def file(self) -> str:
        """The name that npm gives the tarball.

        >>> Package("@icon-park/svg", "1.4.2", "").file
        'icon-park-svg-1.4.2.tgz'
        """
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}.tgz"


@dataclass(frozen=True)
class Source:
    """One set of drawings."""

    slug: str
    """the source's and the style's name in the rows"""
    package: Package
    licence: str
    author: str
    kind: str
    """of its pictures, where their own names and groups say nothing else"""
    emoji: bool
    """named through Unicode; else by the icon's name"""

    @property
    def cropped(self) -> bool:
        """Emoji fill their box and keep it; icons leave margins that are cut off."""
        return not self.emoji


def _package(values: dict[str, Any]) -> Package:
    return Package(values.pop("package"), values.pop("version"), values.pop("integrity"))


_TABLE = tomllib.loads(Path(__file__).with_name("packages.toml").read_text(encoding="utf-8"))
SOURCES = tuple(Source(slug, _package(values), **values) for slug, values in _TABLE["sources"].items())
"""in the order of the rows"""
CLDR, CLDR_DERIVED, ICON_PARK_TITLES = (
    _package(_TABLE["naming"][name]) for name in ("cldr", "cldr_derived", "icon_park_titles")
)
NAMING = (CLDR, CLDR_DERIVED, ICON_PARK_TITLES)
