"""Prompts in English, Chinese or emoji, read into one list of canonical English words.

`read(prompt)` gives a `Reading`: what was understood, what was taken for something near, what was passed over.
"""

from danqing.words.colours import COLOURS
from danqing.words.lexicon import Lexicon
from danqing.words.reading import MOST_TOKENS, Reading, Word, read

__all__ = ["COLOURS", "MOST_TOKENS", "Lexicon", "Reading", "Word", "read"]
