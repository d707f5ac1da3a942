"""The truth light without a model: how a painter reads a prompt, by the words in its folder."""

import json
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from danqing.home import VOCABULARY, model_named, painter_names
from danqing.words.lexicon import Own
from danqing.words.reading import read


def lexicon(painter: str) -> Own:
    """The words of a taught painter, or of the shipped weights."""
    shipped = Path(str(files("danqing").joinpath("models", "painter")))
    folder = model_named(painter) if painter in painter_names() else shipped
    return words_of(folder, (folder / VOCABULARY).stat().st_mtime_ns)


@lru_cache(maxsize=8)
def words_of(folder: Path, stamp: int) -> Own:
    card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
    words = (folder / VOCABULARY).read_text(encoding="utf-8").split()
    return Own(words=tuple(words), names=card["config"].get("taught", {}))


def reading(prompt: str, painter: str = "") -> dict[str, Any]:
    """Words, how each was understood, and what was not taken literally in one sentence of each language."""
    own = lexicon(painter)
    found = read(prompt, own)
    return {**found.plain(), "en": found.sentence_en(), "zh": found.sentence_zh(own)}
