"""The truth light without a model: how a painter reads a prompt."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from danqing.home import model_named, painter_names
from danqing.vocabulary import lexicon_of
from danqing.words.reading import read


def reading(prompt: str, painter: str = "") -> dict[str, Any]:
    """Words, how each was understood, and what was not taken literally in one sentence of each language.

    `painter`: a taught one, else the one that comes with Danqing.
    """
    shipped = Path(str(files("danqing").joinpath("models", "painter")))
    own = lexicon_of(model_named(painter) if painter in painter_names() else shipped)
    found = read(prompt, own)
    return {**found.plain(), "en": found.sentence_en(), "zh": found.sentence_zh(own)}
