"""Debian's package openclipart-svg: thousands of drawings by many hands in the public domain, poorly titled.

Only drawings of things whose title or file name is one to five known English words are taken.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from danqing.data import debian
from danqing.data.clipart.choosing import UNWANTED
from danqing.data.clipart.rendering import squared
from danqing.data.clipart.rows import KINDS, Drawing, Row

SLUG = "openclipart"
PACKAGE = "openclipart-svg"
ROOT = "./usr/share/openclipart/svg/"
LICENCE = "CC-PDDC"
WEIGHT = 0.5
"""of its drawings: less even, and less well named than emoji"""
LARGEST = 400_000
"""bytes of a drawing; larger ones take seconds and hold photographs"""
SERIES = 4
"""drawings of one folder whose file names differ in digits only"""
MOST = 5
"""words of a name"""
SHORT = frozenset({"a", "an", "at", "by", "cd", "in", "of", "on", "or", "ox", "pc", "the", "to", "tv"})
"""short words that are words"""
THEME = 3
"""drawings that share a title, from which on it names no single one"""
LEFT_OUT = (
    "computer/icons", "computer/buttons", "computer/diagrams", "recreation/games", "shapes", "signs_and_symbols",
    "special", "transportation/aiga-symbols", "transportation/roadsigns", "unsorted/duplicates", "geography",
)  # fmt: skip
"""folders of interface signs, flags, arrows, patterns, playing cards, maps and copies"""
ICONS = ("computer", "office", "people/stickmen")
"""folders whose drawings count as icons"""


@dataclass(frozen=True)
class Clip:
    """One file of the package."""

    path: str
    """below the root, "animals/cat.svg" """
    text: str
    title: str
    author: str
    keywords: tuple[str, ...]


def clips(package: Path) -> Iterator[Clip]:
    """The drawings of a .deb, sorted by path. Raises NotFoundError."""

    def wanted(path: str, size: int) -> bool:
        inside = path.removeprefix(ROOT)
        return path.endswith(".svg") and size <= LARGEST and not inside.startswith(LEFT_OUT)

    found = (
        read_clip(path.removeprefix(ROOT), text.decode("utf-8", "replace"))
        for path, text in debian.files(package, wanted)
    )
    yield from sorted(found, key=lambda clip: clip.path)


def read_clip(path: str, text: str) -> Clip:
    """With what the file says of itself in its metadata."""
    plain = re.sub(r"<(/?)(?:dc|rdf|cc):", r"<\1", text)
    work = next(iter(re.findall(r"<Work\b.*?</Work>", plain, re.S)), "")
    own = re.sub(r"<Agent.*?</Agent>", "", work, flags=re.S)
    title = re.sub(r"\.svg$", "", _first(r"<title>(.*?)</title>", own), flags=re.I)
    author = _first(r"<creator>.*?<title>(.*?)</title>", work)
    words = (_clean(word).lower() for word in re.findall(r"<li>(.*?)</li>", own, re.S))
    keywords = tuple(dict.fromkeys(word for word in words if re.fullmatch("[a-z][a-z -]{2,30}", word)))
    return Clip(path, text, title, author, keywords)


def drawings(found: Sequence[Clip], words: Mapping[str, int], left_out: Counter[str]) -> Iterator[Drawing]:
    """Those that are named by known words; the others are counted."""
    titles = Counter(clip.title.lower() for clip in found)
    series: Counter[str] = Counter()
    for clip in found:
        name, how = _name(clip, titles, words)
        series[re.sub(r"\d+", "", clip.path)] += 1
        svg = whole(clip.text)
        if not name:
            left_out["no name that says what it is"] += 1
        elif series[re.sub(r"\d+", "", clip.path)] > SERIES:
            left_out["one more of a series"] += 1
        elif svg is None:
            left_out["no size"] += 1
        else:
            yield Drawing(_row(clip, name, how), svg, True)


def _row(clip: Clip, name: str, how: str) -> Row:
    kind = "icon" if clip.path.startswith(ICONS) else "drawing"
    folders = tuple(part for part in PurePosixPath(clip.path).parent.parts if part != "unsorted")
    keywords = tuple(word for word in clip.keywords if word not in ("unsorted", "contains text", name))
    return Row(
        f"{SLUG}:{clip.path.removesuffix('.svg')}", SLUG, SLUG, LICENCE, clip.author, name, keywords,
        name_from=how, tags=folders, kind=kind, weight=WEIGHT if kind == "drawing" else KINDS[kind],
    )  # fmt: skip


def _name(clip: Clip, titles: Counter[str], words: Mapping[str, int]) -> tuple[str, str]:
    """The title, else the file's name without its author and number; ("", "") where neither says what it is."""
    if titles[clip.title.lower()] < THEME and (name := plain_name(clip.title, words)):
        return name, "title"
    stem = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", PurePosixPath(clip.path).stem)
    parts = [part for part in re.split(r"[\W_]+", stem) if part]
    authors = {part[:5].lower() for part in re.split(r"[\W_]+", clip.author) if len(part) > 2}
    while len(parts) > 1 and (parts[-1].isdigit() or parts[-1][:5].lower() in authors):
        parts.pop()
    name = plain_name(" ".join(parts), words)
    return (name, "file-name") if name else ("", "")


_POOR = re.compile(
    r"\b(theme|icon|icons|iconset|clip|clipart|symbol|sign|logo|button|untitled|set|alt|contour|tool|break|collection|svg|page)\b"
)
_ARTICLE = re.compile(r"^(a|an|the|some) ")


def plain_name(text: str, words: Mapping[str, int]) -> str:
    """`text` in lower case if it is one to five known words, without numbers at its end; else "".

    >>> plain_name("A Ladybug 2", {"ladybug": 1}), plain_name("gnome theme", {"gnome": 1, "theme": 1})
    ('ladybug', '')
    """
    name = _ARTICLE.sub("", re.sub(r"[\s_\d#.!()-]+$", "", re.sub(r"[\s_]+", " ", text.lower())))
    parts = name.replace("-", " ").split()
    known = all(part in SHORT or (len(part) > 2 and words.get(part)) for part in parts)
    return (
        " ".join(parts)
        if known and 1 <= len(parts) <= MOST and not _POOR.search(name) and not UNWANTED & set(parts)
        else ""
    )


_UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}
_REPLACED = {"width", "height", "viewBox", "x", "y", "version", "xmlns", "xmlns:xlink", "preserveAspectRatio", "onload"}


_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*([\"'])(.*?)\2", re.S)


def whole(text: str) -> str | None:
    """Any SVG document as a square one, see `squared`; None where it states no size."""
    root = re.search(r"<((?:\w+:)?)svg\b([^>]*)>", text, re.S)
    end = text.rfind("</")
    if root is None or end < root.end():
        return None
    attributes = {name: value for name, _, value in _ATTRIBUTE.findall(root[2])}
    box = _box(attributes)
    if box is None:
        return None
    head = "".join(f'{name}="{value}" ' for name, value in attributes.items() if name not in _REPLACED)
    entities = dict(re.findall(r'<!ENTITY\s+(\w+)\s+"([^"&%]{0,200})"', text[: root.start()]))
    return _expanded(squared(text[root.end() : end], box, head), entities)


def _expanded(text: str, entities: Mapping[str, str]) -> str:
    """With the document's own abbreviations written out; they are gone with its head."""
    return re.sub(r"&(\w+);", lambda match: entities.get(match[1], match[0]), text) if entities else text


def _box(attributes: Mapping[str, str]) -> tuple[float, float, float, float] | None:
    try:
        numbers = [float(number) for number in re.split(r"[\s,]+", attributes.get("viewBox", "").strip())]
    except ValueError:
        numbers = []
    if len(numbers) == 4 and min(numbers[2:]) > 0:
        return numbers[0], numbers[1], numbers[2], numbers[3]
    sides = [_length(attributes.get(name, "")) for name in ("width", "height")]
    return (0.0, 0.0, sides[0], sides[1]) if min(sides) > 0 else None


def _length(text: str) -> float:
    """In pixels; 0 where there is none."""
    match = re.fullmatch(r"\s*([\d.]+)\s*([a-z]*)\s*", text)
    try:
        return float(match[1]) * _UNITS.get(match[2], 0.0) if match else 0.0
    except ValueError:
        return 0.0


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.S)
    return _clean(match[1]) if match else ""


def _clean(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub("<[^>]*>", " ", text))).strip()
