"""One icon -> the row that describes it, or the reason why it is left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from danqing.data.clipart.choosing import refusal, without_prefix
from danqing.data.clipart.naming import Names, toned
from danqing.data.clipart.packages import Source
from danqing.data.clipart.rows import KINDS, Row
from danqing.data.clipart.wording import taken_apart

NO_NAME = "no name that says what it is"
LONGEST = 5
"""words of an emoji that CLDR does not know"""
SQUASHED = frozenset({"fxemoji"})
"""sets that write names without spaces"""


@dataclass(frozen=True)
class Icon:
    """One icon as its package has it."""

    name: str
    svg: str
    """square, with all margins"""
    codepoints: str
    """as the package says; "" where it does not"""
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """What all sources are named by."""

    names: Names
    groups: Mapping[str, str]
    """code points -> Unicode's group, "Animals & Nature" """
    titles: Mapping[str, Mapping[str, Any]]
    """icon-park's own table: icon -> title, tag (both Chinese), category, author"""
    aliases: Mapping[str, Mapping[str, str]]
    """source or "all" -> icon -> the slug of an emoji's name, or other words; "" leaves the icon out"""
    words: Mapping[str, int]
    """word -> how common it is in the names of emoji"""


Describe = Callable[[Source, Icon, Reference], Row | str]


def describe(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """The row, or the reason why there is none."""
    how = _HOWS.get(source.slug, emoji if source.emoji else plain)
    return how(source, icon, reference)


def emoji(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """Named by CLDR through its code points or its name, else by the words that its name is made of."""
    names = reference.names
    base, number = re.sub(r"-\d+$", "", icon.name), re.search(r"-[2-9]$", icon.name)
    alias = _alias(source, icon.name, base, reference)
    if alias == "":
        return NO_NAME
    key = icon.codepoints if icon.codepoints in names.english else _found(names, alias, icon, base)
    if toned(icon.name if not key else "", key or icon.codepoints):
        return "skin tone"
    if number and reference.groups.get(key) == "People & Body":
        return "skin tone"  # sets without tones in their names number them, the yellow one first
    return cldr_row(source, icon, key, reference) if key else by_words(source, icon, alias, reference)


def _alias(source: Source, name: str, base: str, reference: Reference) -> str | None:
    tables = (reference.aliases.get(source.slug, {}), reference.aliases.get("all", {}))
    return next((table[text] for table in tables for text in (name, base) if text in table), None)


def _found(names: Names, alias: str | None, icon: Icon, base: str) -> str:
    if alias:
        return names.find(alias)
    flags = [f"flag-{base.removeprefix('flag-for-flag-')}"] if "Flags" in icon.groups else []
    return next(filter(None, map(names.find, (icon.name, base, *flags))), "")


def cldr_row(source: Source, icon: Icon, key: str, reference: Reference) -> Row:
    """With names and keywords in both languages."""
    english, chinese = reference.names.english[key], reference.names.chinese.get(key)
    group = reference.groups.get(key) or next(iter(icon.groups), "")
    kind = emoji_kind(key, group, source.kind)
    return Row(
        f"{source.slug}:{icon.name}", source.slug, source.slug, source.licence, source.author,
        english.name, english.keywords, chinese.name if chinese else "", chinese.keywords if chinese else (),
        "cldr" if chinese else "", "cldr", (group,) if group else (), key, kind=kind, weight=KINDS[kind],
    )  # fmt: skip


def by_words(source: Source, icon: Icon, alias: str | None, reference: Reference) -> Row | str:
    """An emoji that CLDR does not know: the words of its alias or of its own name, where they are words."""
    words, how = (alias or icon.name).split("-"), "icon-name"
    if alias is None and source.slug in SQUASHED:
        words, how = taken_apart(icon.name, reference.words), "words"
    if not 1 <= len(words) <= LONGEST or not all(re.fullmatch("[a-z]{2,}", word) for word in words):
        return NO_NAME
    group = "Flags" if words[-1] == "flag" else next(iter(icon.groups), "")
    name, kind = " ".join(words), emoji_kind("", group, source.kind)
    return refusal(name, ["Emoji"]) or icon_row(source, icon, name, kind=kind, name_from=how)


_CLOCKS = re.compile("1f55[0-9a-f]|1f56[0-7]")
_NATIONS = re.compile("1f1(e[6-9a-f]|f[0-9a-f])|.*e0067")
_FLAGS_AS_THINGS = frozenset({"1f3c1", "1f6a9", "1f38c", "1f3f4", "1f3f3"})
"""chequered, triangular, crossed, black, white: things more than nations"""


def emoji_kind(key: str, group: str, usual: str) -> str:
    """
    >>> emoji_kind("1f1e8-1f1f3", "", "drawing"), emoji_kind("1f553", "Travel & Places", "drawing")
    ('flag', 'symbol')
    """
    if _NATIONS.match(key) or (group == "Flags" and key not in _FLAGS_AS_THINGS):
        return "flag"
    return "symbol" if group == "Symbols" or _CLOCKS.fullmatch(key) else usual


def flag(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """A flag whose icon is a two-letter code that CLDR knows."""
    key = "-".join(f"{0x1F1E6 + ord(letter) - ord('a'):x}" for letter in icon.name)
    if len(icon.name) != 2 or key not in reference.names.english:
        return "flag without a name in CLDR"
    return cldr_row(source, icon, key, reference)


def plain(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """Named by the icon's own name, without its number."""
    if _alias(source, icon.name, icon.name, reference) == "":
        return NO_NAME
    name = re.sub(r"(-\d+)+$", "", icon.name).replace("-", " ")
    return refusal(name, icon.groups) or icon_row(source, icon, without_prefix(name))


def icon_row(source: Source, icon: Icon, name: str, **more: Any) -> Row:
    usual = {"style": source.slug, "kind": source.kind, "tags": icon.groups, "author": source.author}
    values: dict[str, Any] = usual | more
    return Row(
        id=f"{source.slug}:{icon.name}", source=source.slug, licence=source.licence, name_en=name,
        weight=KINDS[values["kind"]], **values,
    )  # fmt: skip


def silhouette(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """All of one set: things, but for the shapes that have no names."""
    name = icon.name.replace("-", " ")
    if name.startswith("abstract "):
        return NO_NAME
    return refusal(name, ["Silhouettes"]) or icon_row(source, icon, name)


def icon_park(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """With the Chinese title and words of the set's own table."""
    bare = re.sub(r"-(one|two|three|four|five|six|seven|eight)$", "", re.sub("^a-", "", icon.name))
    name = bare.removesuffix("-zodiac").replace("-whit-", "-with-").replace("-", " ")
    reason = refusal(name, icon.groups)
    if reason:
        return reason
    title = reference.titles.get(icon.name)
    if title is None:
        return icon_row(source, icon, name)
    words = tuple(dict.fromkeys(word for word in title["tag"] if word != title["title"]))
    return icon_row(
        source, icon, name, name_zh=title["title"], keywords_zh=words, zh_from="icon-park", author=title["author"]
    )


def weather(source: Source, icon: Icon, reference: Reference) -> Row | str:
    """Two ways of drawing in one set."""
    base, filled = re.subn("-fill$", "", icon.name)
    name = base.replace("-", " ")
    style = source.slug if filled else f"{source.slug}-line"
    return refusal(name, icon.groups) or icon_row(source, icon, name, style=style)


_HOWS: Mapping[str, Describe] = {
    "circle-flags": flag, "game-icons": silhouette, "icon-park": icon_park, "meteocons": weather,
}  # fmt: skip
