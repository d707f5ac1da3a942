"""An icon set of one npm package -> its drawings, named, without what is not wanted."""

from __future__ import annotations

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from danqing.data.clipart.describing import Icon, Reference, describe
from danqing.data.clipart.fetching import read_json
from danqing.data.clipart.naming import plain_key, read_names
from danqing.data.clipart.packages import ICON_PARK_TITLES, SOURCES, Source
from danqing.data.clipart.rendering import squared
from danqing.data.clipart.rows import Drawing
from danqing.data.clipart.wording import count_words

_ALIASES = tomllib.loads(Path(__file__).with_name("aliases.toml").read_text(encoding="utf-8"))
GROUPED = ("noto", "twemoji", "fluent-flat")
"""sets that state both code points and Unicode's groups"""


def read_reference(folder: Path) -> Reference:
    """Names, groups and titles from the packages in `folder`."""
    some = [source for source in SOURCES if source.slug in GROUPED]
    hints = [_chars(folder, source) for source in some]
    groups: dict[str, str] = {}
    for source, chars in zip(some, hints, strict=True):
        of = _groups(folder, source)
        for key, icon in chars.items():
            if of[icon]:
                groups.setdefault(plain_key(key), of[icon][0])
    titles = {title["name"]: title for title in read_json(folder, ICON_PARK_TITLES, "icons.json") or ()}
    names = read_names(folder, hints)
    entries = names.english.values()
    words = count_words((entry.name for entry in entries), (word for entry in entries for word in entry.keywords))
    return Reference(names, groups, titles, _ALIASES, words)


def vocabulary(folder: Path, sources: Sequence[Source], reference: Reference) -> Mapping[str, int]:
    """The words of emoji and, once each, of the names of all icons."""
    found = Counter(reference.words)
    for source in sources:
        if not source.emoji:
            found.update({word for icon in icons(source, folder) for word in icon.name.split("-")})
    return found


def drawings(source: Source, folder: Path, reference: Reference, left_out: Counter[str]) -> Iterator[Drawing]:
    """The drawings of one source that are wanted, in the package's order; the others are counted."""
    for icon in largest(list(icons(source, folder)), left_out):
        row = describe(source, icon, reference)
        if isinstance(row, str):
            left_out[row] += 1
        else:
            yield Drawing(row, icon.svg, source.cropped)


def icons(source: Source, folder: Path) -> Iterator[Icon]:
    """All icons that the package does not hide."""
    document: Any = read_json(folder, source.package, "icons.json")
    key_of = {icon: plain_key(key) for key, icon in reversed(_chars(folder, source).items())}
    groups = _groups(folder, source)
    for name, values in document["icons"].items():
        if not values.get("hidden"):
            yield Icon(name, _svg(document, values), key_of.get(name, ""), tuple(groups[name]))


def largest(found: Sequence[Icon], left_out: Counter[str]) -> list[Icon]:
    """Of icons that end in their size, only the largest of each."""
    sizes: dict[str, int] = {}
    for icon in found:
        base, size = _sized(icon.name)
        sizes[base] = max(size, sizes.get(base, 0))
    kept = [icon for icon in found if _sized(icon.name)[1] == sizes[_sized(icon.name)[0]]]
    if len(kept) < len(found):
        left_out["smaller size of the same"] += len(found) - len(kept)
    return kept


def _sized(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*)-(16|20|24|28|32|48)", name)
    return (match[1], int(match[2])) if match else (name, 0)


def _chars(folder: Path, source: Source) -> dict[str, str]:
    return read_json(folder, source.package, "chars.json") or {}


def _groups(folder: Path, source: Source) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for group, members in (read_json(folder, source.package, "metadata.json") or {}).get("categories", {}).items():
        for name in members:
            found[name].append(group)
    return found


def _svg(document: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    left, top, width, height = (
        float(values.get(name, document.get(name, usual)))
        for name, usual in (("left", 0), ("top", 0), ("width", 16), ("height", 16))
    )
    return squared(still(values["body"]).replace("currentColor", "#000"), (left, top, width, height))


def still(body: str) -> str:
    """A drawing that moves, as it is with all its parts in sight.

    >>> still('<path opacity="0" d="M0"><animate attributeName="opacity" values="0;1"/></path>')
    '<path d="M0"></path>'
    """
    if "<animate" not in body:
        return body
    return re.sub(r"<(animate\w*|set)\b[^>]*/>", "", body).replace(' opacity="0"', "")
