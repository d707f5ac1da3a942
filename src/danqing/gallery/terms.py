"""Words that a search finds: of Latin letters whole words, of Chinese every letter and every two in a row.

Chinese has no spaces, so that 橘猫 is found in 戴红帽子的橘猫 by its two letters in a row, whatever a word is.
"""

import re
import unicodedata

HAN = "\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af"
PART = re.compile(rf"[{HAN}]+|[^\W{HAN}_]+")
CHINESE = re.compile(f"[{HAN}]")


def parts(text: str) -> list[str]:
    """Runs of Chinese letters, and other words, in small letters."""
    return PART.findall(unicodedata.normalize("NFKC", text).lower())


def terms(text: str) -> str:
    """What is kept of a text, to be searched.

    >>> terms("A red cat, 橘猫")
    'a red cat 橘 猫 橘猫'
    """
    found: list[str] = []
    for part in parts(text):
        chinese = CHINESE.match(part)
        found += [*part, *pairs(part)] if chinese else [part]
    return " ".join(found)


def query(text: str) -> str:
    """The search in SQLite's language (FTS5): every word, the Latin ones also as beginnings of words.

    >>> query("橘猫 re")
    '"橘猫" "re"*'
    """
    found: list[str] = []
    for part in parts(text):
        if CHINESE.match(part):
            found += [f'"{pair}"' for pair in pairs(part) or [part]]
        else:
            found.append(f'"{part}"*')
    return " ".join(found)


def pairs(letters: str) -> list[str]:
    return [letters[place : place + 2] for place in range(len(letters) - 1)]
