"""One row of the set: what a picture is called, where it is from and how it is to be used."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

KINDS = {"drawing": 1.0, "icon": 0.3, "silhouette": 0.1, "flag": 0.1, "symbol": 0.3}
"""what a picture is -> how often it is drawn when a model learns; symbol: letters, clocks, arrows, keycaps, signs"""
SPLITS = ("train", "name", "pair")
"""to learn from; the name is held out in all styles; the name is known, but not in this style"""


@dataclass(frozen=True)
class Row:
    """Line i of captions.jsonl; it belongs to picture i."""

    id: str
    """source:icon, "noto:cat-face"; unique"""
    source: str
    style: str
    """one word for one way of drawing"""
    licence: str
    """SPDX"""
    author: str
    name_en: str
    keywords_en: tuple[str, ...] = ()
    name_zh: str = ""
    keywords_zh: tuple[str, ...] = ()
    zh_from: str = ""
    """cldr | icon-park | nothing"""
    name_from: str = "icon-name"
    """cldr | icon-name | words (a squashed icon name taken apart) | title | file-name"""
    tags: tuple[str, ...] = ()
    codepoints: str = ""
    """of the emoji, "1f431", joined by hyphens and without fe0f"""
    colours: tuple[str, ...] = ()
    kind: str = "drawing"
    weight: float = 1.0
    split: str = "train"

    def line(self) -> str:
        """As JSON, without the end of the line."""
        return json.dumps(asdict(self), ensure_ascii=False)


_TUPLES = ("keywords_en", "keywords_zh", "tags", "colours")
_KNOWN = {field.name for field in fields(Row)}


def read_row(values: Mapping[str, Any]) -> Row:
    """A row from its JSON object; keys that this version does not know are passed over. TypeError if one is missing."""
    known: dict[str, Any] = {
        key: tuple(value) if key in _TUPLES else value for key, value in values.items() if key in _KNOWN
    }
    return Row(**known)


@dataclass(frozen=True)
class Drawing:
    """A picture before it is rendered."""

    row: Row
    svg: str
    """a whole SVG document"""
    cropped: bool
    """whether its margins are cut off"""
