"""What a composition is called: one of many phrasings, in English or Chinese, each of them true."""

from __future__ import annotations

import numpy as np

from danqing.data.composing import chinese, english
from danqing.data.composing.composition import Composition
from danqing.data.composing.tables import styles
from danqing.errors import UsageError

LANGUAGES = ("en", "zh")
NAME, DETAIL, FULL = 0.39, 0.39, 0.22
"""shares of captions of a plain picture: the name alone; with colour or style; with keywords too"""
STYLED = 0.15
"""share of other captions that name the way of drawing"""


def languages(composition: Composition) -> tuple[str, ...]:
    """Those that a caption can be made in: Chinese only where every part has a Chinese name."""
    return LANGUAGES if all(thing.zh for thing in composition.things) else LANGUAGES[:1]


def caption(composition: Composition, rng: np.random.Generator, language: str = "en") -> str:
    """One caption. Raises UsageError for a language the composition cannot be spoken of in."""
    if language not in languages(composition):
        allowed = " or ".join(languages(composition))
        raise UsageError(f"This composition has no caption in '{language}'; choose {allowed}.")
    if composition.kind == "plain":
        return _plain(composition, rng, language)
    words = (english if language == "en" else chinese).sentence(composition, rng)
    return joined([words, *_style(composition, rng, language)], language) if rng.random() < STYLED else words


def _plain(composition: Composition, rng: np.random.Generator, language: str) -> str:
    """Of a picture as it is: short, with colour or style, or with keywords."""
    thing = composition.things[0]
    tongue = english if language == "en" else chinese
    how = rng.random()
    if how < NAME:
        return tongue.sentence(composition, rng)
    coloured = bool(rng.random() < 0.5)
    name = tongue.noun(thing, rng, own_colour=float(coloured))
    parts = [name if isinstance(name, str) else name.text, *([] if coloured else _style(composition, rng, language))]
    if how < NAME + DETAIL:
        return joined(parts, language)
    return joined([*parts, *_keywords(composition, rng, language)], language)


def _keywords(composition: Composition, rng: np.random.Generator, language: str) -> list[str]:
    """One to four of the keywords, in a random order, and some of its further colours."""
    thing = composition.things[0]
    words = list(thing.keywords_en if language == "en" else thing.keywords_zh)
    count = min(int(rng.integers(1, 5)), len(words))
    chosen = [words[place] for place in rng.permutation(len(words))[:count]]
    more = [colour for colour in thing.colours[1:] if rng.random() < 0.3]
    return chosen + [colour if language == "en" else chinese.COLOURS[colour][1] for colour in more]


def _style(composition: Composition, rng: np.random.Generator, language: str) -> list[str]:
    """The way of drawing, in words; nothing where there are none."""
    words = styles().get(composition.style)
    if not words:
        return []
    ways = words[0] if language == "en" else words[1]
    return [ways[int(rng.integers(len(ways)))]]


def joined(parts: list[str], language: str) -> str:
    return (", " if language == "en" else "，").join(part for part in parts if part)


def sentences(composition: Composition) -> tuple[str, str]:
    """The plainest English and Chinese caption; the Chinese one may be empty."""
    zh = chinese.sentence(composition) if "zh" in languages(composition) else ""
    return english.sentence(composition), zh
