"""A prompt read: which words were understood, which were taken for others, which were passed over."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from danqing.errors import UsageError
from danqing.words.chinese import AT, OF, PLACES, QUALITIES, REACH, is_han, segment
from danqing.words.colours import COLOURS
from danqing.words.forms import fold, split
from danqing.words.lexicon import IGNORED, How, Lexicon, Meaning
from danqing.words.prompts import unbracket

LONGEST_PROMPT = 10_000
"""characters"""
MOST_TOKENS = 24
SILENT = Meaning((), "known")
"""of a word that is understood and needs no drawing"""
QUALITY = QUALITIES | COLOURS.keys()
MEASURES = frozenset((word,) for word in ("slice", "piece", "pair", "bunch"))
"""tokens of an English measure word; before "of" it is no thing of its own"""


@dataclass(frozen=True)
class Word:
    """One word (or phrase, or emoji) of a prompt and what it was understood as."""

    text: str
    """as it was written"""
    tokens: tuple[str, ...]
    """canonical words; none for a word that is ignored, or that needs no drawing ('the')"""
    how: How
    weight: float = 1.0
    near: str = ""
    """what a near word was taken for"""


@dataclass(frozen=True)
class Reading:
    """A prompt as Danqing understood it: the truth light."""

    words: tuple[Word, ...]
    """in the order of the prompt"""
    left_out: int = 0
    """words at the end that were ignored because MOST_TOKENS were full"""

    @property
    def tokens(self) -> tuple[tuple[str, float], ...]:
        """(canonical word, weight) in the order of the prompt, at most MOST_TOKENS."""
        return tuple((token, word.weight) for word in self.words for token in word.tokens)

    def of(self, how: How) -> tuple[Word, ...]:
        return tuple(word for word in self.words if word.how == how)

    def plain(self) -> dict[str, Any]:
        """A JSON-safe dict."""
        words = [asdict(word) | {"tokens": list(word.tokens)} for word in self.words]
        return {"words": words, "tokens": [list(pair) for pair in self.tokens], "left_out": self.left_out}

    def sentence_en(self) -> str:
        """What was not taken literally, in one line; '' when there is nothing to say.

        >>> Reading((Word("puppy", ("dog",), "near", 1.0, "dog"), Word("quantum", (), "ignored"))).sentence_en()
        "took 'puppy' for 'dog'; does not know 'quantum'"
        """
        near = [f"'{word.text}' for '{word.near}'" for word in _once(self.of("near"))]
        ignored = [f"'{word.text}'" for word in _once(self._strangers())]
        parts = [f"took {', '.join(near)}"] if near else []
        parts += [f"does not know {', '.join(ignored)}"] if ignored else []
        parts += [f"left out the last {self.left_out} words ({MOST_TOKENS} is the most)"] if self.left_out else []
        return "; ".join(parts)

    def sentence_zh(self, lexicon: Lexicon | None = None) -> str:
        """The same in Chinese.

        >>> Reading((Word("量子", (), "ignored"),)).sentence_zh()
        '不认识“量子”'
        """
        lexicon = lexicon or Lexicon.load()
        near = [f"“{word.text}”当作“{_in_chinese(word, lexicon)}”" for word in _once(self.of("near"))]
        ignored = [f"“{word.text}”" for word in _once(self._strangers())]
        parts = [f"把{'，'.join(near)}"] if near else []
        parts += [f"不认识{'、'.join(ignored)}"] if ignored else []
        parts += [f"略去了最后 {self.left_out} 个词（最多 {MOST_TOKENS} 个）"] if self.left_out else []
        return "；".join(parts)

    def _strangers(self) -> tuple[Word, ...]:
        """The ignored words that did have room."""
        return tuple(word for word in self.words[: len(self.words) - self.left_out] if word.how == "ignored")


def _once(words: tuple[Word, ...]) -> list[Word]:
    return list({word.text: word for word in words}.values())


def _in_chinese(word: Word, lexicon: Lexicon) -> str:
    return lexicon.chinese_of(word.near) or "".join(lexicon.chinese_of(token) or token for token in word.tokens)


def read(prompt: str, lexicon: Lexicon | None = None) -> Reading:
    """Read a prompt in English, Chinese, emoji or all of them; a negative prompt is read the same way.

    An empty prompt gives a Reading without words. Raises UsageError for more than LONGEST_PROMPT characters.

    >>> [token for token, _ in read("a (red:1.4) apple 和 两只猫").tokens]
    ['red', 'apple', 'and', 'two', 'cat']
    """
    if len(prompt) > LONGEST_PROMPT:
        raise UsageError(f"The prompt has {len(prompt)} characters; write at most {LONGEST_PROMPT}.")
    lexicon = lexicon or Lexicon.load()
    text, weights = unbracket(clean(prompt))
    words = [
        Word(text[start:stop], meaning.tokens, meaning.how, weights[start], _near(meaning))
        for start, stop, meaning in _scan(text, weights, lexicon)
    ]
    return _fitted(_unmeasured(words))


def _unmeasured(words: list[Word]) -> list[Word]:
    """English measure words ("a slice of pizza") say no more than Chinese ones (一片披萨), and are silent like them."""
    out = list(words)
    for place, (one, other) in enumerate(itertools.pairwise(words)):
        if one.tokens in MEASURES and other.tokens == ("of",) and place + 2 < len(words):
            out[place], out[place + 1] = replace(one, tokens=()), replace(other, tokens=())
    return out


def clean(prompt: str) -> str:
    """Line ends and tabs become spaces; other control characters and lone surrogates are dropped; composed (NFC)."""
    spaced = unicodedata.normalize("NFC", re.sub(r"[\t\n\r\v\f\x85\u2028\u2029]", " ", prompt))
    return "".join(char for char in spaced if unicodedata.category(char) not in ("Cc", "Cs"))


def _near(meaning: Meaning) -> str:
    return " ".join(meaning.tokens) if meaning.how == "near" else ""


def _fitted(words: list[Word]) -> Reading:
    """The first MOST_TOKENS tokens; the first word that does not fit, and all after it, are ignored."""
    count = 0
    for position, word in enumerate(words):
        count += len(word.tokens)
        if count > MOST_TOKENS:
            rest = tuple(Word(other.text, (), "ignored", other.weight) for other in words[position:])
            return Reading((*words[:position], *rest), len(rest))
    return Reading(tuple(words))


# ---------------------------------------------------------------- from characters to meanings
Found = tuple[int, int, Meaning]
"""from, to (positions in the text), meaning"""

LATIN = re.compile(r"&|[a-z0-9\u00c0-\u024f\u1e00-\u1eff]+(?:['’][a-z]+)*", re.IGNORECASE)
BETWEEN = re.compile(r"[\s_\-/+'’]*")
"""what may stand between the words of one English phrase"""
UNSEEN = frozenset("\ufe0e\ufe0f\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff")
"""variation selectors and skin tones"""


def _scan(text: str, weights: list[float], lexicon: Lexicon) -> Iterator[Found]:
    position = 0
    while position < len(text):
        found = list(_next(text, position, weights, lexicon))
        yield from found
        position = max(found[-1][1] if found else position, position + 1)


def _next(text: str, start: int, weights: list[float], lexicon: Lexicon) -> Iterator[Found]:
    """What begins at `start`: an emoji, a Chinese passage, an English passage, a foreign word, or nothing."""
    stop, meaning = _emoji(text, start, lexicon)
    if stop > start:
        yield start, stop, meaning
    elif passage := lexicon.passage.match(text, start):
        yield from ((start + a, start + b, meaning) for a, b, meaning in _chinese(passage[0], lexicon))
    elif LATIN.match(text, start):
        yield from _english(text, start, weights, lexicon)
    elif (stop := _foreign(text, start)) > start:
        yield start, stop, IGNORED


def _emoji(text: str, start: int, lexicon: Lexicon) -> tuple[int, Meaning]:
    """The longest emoji at `start`; skin tones and variation selectors do not count."""
    key, stop, best = "", start, (start, IGNORED)
    longest = lexicon.emoji_length.get(text[start], 0)
    while stop < len(text) and len(key) < longest:
        key += text[stop]
        stop += 1
        while stop < len(text) and text[stop] in UNSEEN:
            stop += 1
        if key in lexicon.emoji:
            best = (stop, lexicon.meaning_of(lexicon.emoji[key].en))
    return best


def _chinese(passage: str, lexicon: Lexicon) -> Iterator[Found]:
    simple = fold(passage.translate(lexicon.simplified))
    pieces = segment(simple, lexicon.chinese)
    words = [simple[piece.start : piece.stop] for piece in pieces]
    meanings = _placed(words, [_chinese_word(word, lexicon) for word in words], lexicon)
    return ((piece.start, piece.stop, meaning) for piece, meaning in zip(pieces, meanings, strict=True))


def _chinese_word(word: str, lexicon: Lexicon) -> Meaning:
    english, exact = lexicon.chinese.get(word, ("", True))
    if not english:
        return IGNORED
    if english == "-":
        return SILENT
    meaning = lexicon.meaning_of(english)
    return meaning if exact or not meaning.tokens else Meaning(meaning.tokens, "near")


def _placed(words: list[str], meanings: list[Meaning], lexicon: Lexicon) -> list[Meaning]:
    """在…上 becomes 'on …', as in English; a 在 without such a place stays 'in'; 的 after a quality says nothing."""
    out = list(meanings)
    for position, word in enumerate(words):
        if word == OF and position and QUALITY.issuperset(meanings[position - 1].tokens):
            out[position] = SILENT
        if word == AT:
            place = next(_places(words, position), None)
            out[position] = lexicon.meaning_of(PLACES[words[place]] if place else "in")
            if place:
                out[place] = SILENT
    return out


def _places(words: list[str], at: int) -> Iterator[int]:
    """Positions of the words that close the 在 at `at`."""
    for position in range(at + 1, min(at + 1 + REACH, len(words))):
        if words[position] in (OF, AT):
            return
        if words[position] in PLACES and position > at + 1:
            yield position


def _english(text: str, start: int, weights: list[float], lexicon: Lexicon) -> Iterator[Found]:
    """A passage of English words of one weight, with nothing but spaces and hyphens between them."""
    spans: list[tuple[int, int, str]] = []
    position = start
    while (match := LATIN.match(text, position)) and weights[match.start()] == weights[start]:
        spans += [(match.start(), match.end(), word) for word in split(match[0].replace("&", "and"))]
        position = BETWEEN.match(text, match.end()).end()  # type: ignore[union-attr]  # it matches everywhere
        if position == match.end() or lexicon.passage.match(text, position):
            break
    done = 0
    for count, meaning in lexicon.english([word for _, _, word in spans]):
        yield spans[done][0], spans[done + count - 1][1], meaning
        done += count


def _foreign(text: str, start: int) -> int:
    """The end of a word in letters that are not read here (Thai, Cyrillic, kana, unknown emoji)."""
    stop = start
    while stop < len(text) and _is_foreign(text[stop]):
        stop += 1
    return stop


def _is_foreign(char: str) -> bool:
    kind = unicodedata.category(char)
    return (kind[0] in "LMN" or kind == "So") and not (is_han(char) or LATIN.match(char) or char in UNSEEN)
