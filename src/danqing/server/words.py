"""The truth light without a model: how the painter that comes with Danqing reads a prompt."""

from functools import cache
from importlib.resources import files
from typing import Any

from danqing.words.lexicon import Own
from danqing.words.reading import read


@cache
def lexicon() -> Own:
    """The words of the shipped weights."""
    text = files("danqing").joinpath("models", "painter", "vocabulary.txt").read_text(encoding="utf-8")
    return Own(words=tuple(text.splitlines()))


def reading(prompt: str) -> dict[str, Any]:
    """Words, how each was understood, and what was not taken literally in one sentence of each language."""
    found = read(prompt, lexicon())
    return {**found.plain(), "en": found.sentence_en(), "zh": found.sentence_zh(lexicon())}
