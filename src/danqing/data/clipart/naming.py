"""Names of emoji in English and Chinese, from Unicode's CLDR, found by code point or by an icon's name."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from danqing.data.clipart.fetching import read_json
from danqing.data.clipart.packages import CLDR, CLDR_DERIVED

SKIN = frozenset({"1f3fb", "1f3fc", "1f3fd", "1f3fe", "1f3ff"})
"""code points of the five skin tones"""
_TONES = "medium-light|medium-dark|light|medium|dark"
_SKIN_NAME = re.compile(rf"skin-tone|-tone-?[1-6]\b|[-_]tone[1-6]|-({_TONES})(-({_TONES}))?$")
_ACCENTS = re.compile("[\u0300-\u036f]")


@dataclass(frozen=True)
class Entry:
    """What CLDR says of one emoji in one language."""

    name: str
    keywords: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """Code points -> entries; `hints` are icon names that emoji sets themselves give to code points."""

    english: Mapping[str, Entry]
    chinese: Mapping[str, Entry]
    hints: Mapping[str, str]

    def find(self, icon: str) -> str:
        """The code points that an icon's name stands for; "" if none.

        Hyphens count as little as in sets that leave them out, but an exact match wins.
        """
        return self._by_slug.get(icon) or self._by_squash.get(icon.replace("-", "")) or ""

    @cached_property
    def _by_slug(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        plain = [key for key in self.english if not SKIN & set(key.split("-"))]
        for key in plain:
            name = self.english[key].name
            for text in (name, name.replace("flag: ", "flag for "), name.replace("keycap: ", "keycap ")):
                found.setdefault(slug(text), key)
        for icon, key in self.hints.items():
            found.setdefault(icon, key)
        for key in plain:  # Unicode's own names, older than CLDR's
            if "-" not in key:
                found.setdefault(slug(unicodedata.name(chr(int(key, 16)), "")), key)
        return {text: key for text, key in found.items() if text}

    @cached_property
    def _by_squash(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for text, key in self._by_slug.items():
            found.setdefault(text.replace("-", ""), key)
        return found


def read_names(folder: Path, hints: Iterable[Mapping[str, str]] = ()) -> Names:
    """From the packages in `folder`. `hints` are chars.json of emoji sets: code points -> icon."""
    english, chinese = (_annotations(folder, language) for language in ("en", "zh"))
    known: dict[str, str] = {}
    for chars in hints:
        for text, icon in chars.items():
            key = plain_key(text)
            if key in english and not SKIN & set(key.split("-")):
                known.setdefault(icon, key)
    return Names(english, chinese, known)


def _annotations(folder: Path, language: str) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    for package, root in ((CLDR_DERIVED, "annotationsDerived"), (CLDR, "annotations")):
        document: Any = read_json(folder, package, f"{root}/{language}/annotations.json") or {}
        for text, values in document.get(root, {}).get("annotations", {}).items():
            name = next(iter(values.get("tts", ())), "").strip()
            if name:
                words = tuple(word for word in values.get("default", ()) if word != name)
                found[key_of(text)] = Entry(name, words)
    return found


def key_of(text: str) -> str:
    """Code points in hexadecimal, without the mark that asks for colour.

    >>> key_of("☀\ufe0f"), key_of("👩‍🚀")
    ('2600', '1f469-200d-1f680')
    """
    return "-".join(f"{ord(letter):x}" for letter in text if ord(letter) != 0xFE0F)


def plain_key(key: str) -> str:
    """A key as other packages write it -> as `key_of` does.

    >>> plain_key("0023-FE0F-20E3")
    '23-20e3'
    """
    return "-".join(part.lstrip("0") for part in key.lower().split("-") if part != "fe0f")


def slug(text: str) -> str:
    """A name as icons are named.

    >>> slug("Piñata & “free” button"), slug("man’s shoe")
    ('pinata-and-free-button', 'mans-shoe')
    """
    text = text.lower().replace("’", "").replace("'", "").replace("&", "and")
    text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
    return re.sub(r"[^a-z0-9]+", "-", text).strip("-")


def toned(icon: str, key: str) -> bool:
    """Whether this is one of the skin tones, of which only the default yellow is kept.

    >>> toned("waving-hand-dark-skin-tone", ""), toned("mage-medium-light", ""), toned("waving-hand", "1f44b")
    (True, True, False)
    """
    return bool(SKIN & set(key.split("-")) or _SKIN_NAME.search(icon))
