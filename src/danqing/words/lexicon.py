"""What Danqing knows of words: vocabulary, near words, Chinese words and emoji, read once from the shipped files."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal, NamedTuple

from danqing.words.chinese import HAN, LONGEST, is_han, numbers
from danqing.words.forms import WORDS, fold, singulars, split, stems

HOME = Path(__file__).parent / "data"
RESERVED = ("<pad>", "<unknown>")
"""the first token ids, which are no words"""
PAD, UNKNOWN = 0, 1
LONGEST_PHRASE = 4
"""English words that may be looked up as one"""
FREQUENT = 3000
"""as many words of the vocabulary, from its top, may be what a mistyped word meant"""
SHORTEST_MEND = 5
"""letters of the shortest word in which a typing slip is mended"""
SHORTEST_HALF = 4
"""letters of the shortest half of a word written as one ('snowcastle')"""
COUNTED = re.compile(r"([0-9]+)([a-z]{2,})")
"""a number and a word written as one ('2cats')"""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


How = Literal["known", "near", "ignored"]


class Meaning(NamedTuple):
    """What a word stands for."""

    tokens: tuple[str, ...]
    """canonical words, all of the vocabulary; none for words that need no drawing, such as 'the'"""
    how: How


class Emoji(NamedTuple):
    en: str
    zh: str


IGNORED = Meaning((), "ignored")


@dataclass(frozen=True, eq=False)
class Lexicon:
    """All tables; those that only some prompts need are read when they are first asked for."""

    home: Path = HOME
    _seen: dict[str, Meaning] = field(default_factory=dict, repr=False)
    """meanings of English texts that were asked for already"""

    @staticmethod
    def load() -> Lexicon:
        """The one lexicon that comes with Danqing."""
        return _shipped()

    # ---------------------------------------------------------------- vocabulary
    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        """Canonical words, the most frequent first; word i has the token id i + len(RESERVED)."""
        return tuple((self.home / "vocabulary.txt").read_text(encoding="utf-8").split())

    @cached_property
    def ids(self) -> Mapping[str, int]:
        return {word: number for number, word in enumerate(self.vocabulary, len(RESERVED))}

    def __len__(self) -> int:
        """Number of token ids, the reserved ones included."""
        return len(self.vocabulary) + len(RESERVED)

    def id_of(self, token: str) -> int:
        return self.ids.get(token, UNKNOWN)

    def token_of(self, number: int) -> str:
        """The word of a token id, 0 <= number < len(self)."""
        return RESERVED[number] if number < len(RESERVED) else self.vocabulary[number - len(RESERVED)]

    # ---------------------------------------------------------------- English
    def english(self, words: Sequence[str]) -> Iterator[tuple[int, Meaning]]:
        """Read words as `forms.split` gives them: how many belong together, and what they mean."""
        start = 0
        while start < len(words):
            count, meaning = self._longest(words[start : start + LONGEST_PHRASE])
            yield count, meaning
            start += count

    def meaning_of(self, text: str) -> Meaning:
        """Of an English text as a whole: near where a part is near or ignored, ignored where all that counts is."""
        if text not in self._seen:
            parts = [meaning for _, meaning in self.english(split(text))]
            tokens = tuple(token for part in parts for token in part.tokens)
            plain = all(part.how == "known" for part in parts)
            self._seen[text] = Meaning(tokens, "known" if plain else "near" if tokens else "ignored")
        return self._seen[text]

    def _longest(self, words: Sequence[str]) -> tuple[int, Meaning]:
        for count in range(len(words), 1, -1):
            for last in (words[count - 1], *singulars(words[count - 1])):
                phrase = "_".join((*words[: count - 1], last))
                if phrase in self.own or phrase in self.near:
                    return count, self._one(phrase)
        return 1, self._one(words[0])

    def _one(self, word: str) -> Meaning:
        if word not in self._seen:
            self._seen[word] = self._look_up(word)
        return self._seen[word]

    def _look_up(self, word: str) -> Meaning:
        for form in (word, *singulars(word)):
            if form in self.own:
                return self.own[form]
            if form in self.ids:
                return Meaning((form,), "known")
        for form in (word, *singulars(word)):
            if form in self.near:
                return self.near[form]
        return self._guess(word)

    def _guess(self, word: str) -> Meaning:
        """Verb forms, words written as one, typing slips: what no table has."""
        if counted := COUNTED.fullmatch(word):
            return self.meaning_of(f"{counted[1]} {counted[2]}")
        for stem in stems(word):
            if stem in self.ids:
                return Meaning((stem,), "known")
        return self._halves(word) or self._mended(word) or IGNORED

    def _halves(self, word: str) -> Meaning | None:
        for cut in range(SHORTEST_HALF, len(word) - SHORTEST_HALF + 1):
            left, right = word[:cut], next((form for form in (word[cut:], *singulars(word[cut:]))
                                            if form in self.frequent), "")  # fmt: skip
            if left in self.frequent and right:
                return Meaning((left, right), "near")
        return None

    def _mended(self, word: str) -> Meaning | None:
        if len(word) < SHORTEST_MEND or not word.isascii() or not word.isalpha():
            return None
        found = {other for other in slips(word) if other in self.frequent and len(other) >= SHORTEST_MEND}
        return Meaning((found.pop(),), "near") if len(found) == 1 else None

    @cached_property
    def frequent(self) -> frozenset[str]:
        return frozenset(self.vocabulary[:FREQUENT])

    @cached_property
    def own(self) -> Mapping[str, Meaning]:
        """From the hand-written table: word or phrase (joined by _) -> what it always means."""
        return {word: meaning for word, meaning in self._hand_written if meaning.how != "near"}

    @cached_property
    def near(self) -> Mapping[str, Meaning]:
        """Word or phrase (joined by _) -> the nearest words that are known; made from WordNet, and by hand."""
        table: dict[str, Meaning] = {}
        for line in gzip.decompress((self.home / "near.tsv.gz").read_bytes()).decode().splitlines():
            target, _, words = line.partition("\t")
            meaning = IGNORED if target == "!" else Meaning(tuple(target.split(" ")), "near")
            table.update(dict.fromkeys(words.split(), meaning))  # thousands of words have few targets
        table.update((word, meaning) for word, meaning in self._hand_written if meaning.how == "near")
        table.update((word, table[target]) for target, word in self._orphans if target in table)
        return table

    @cached_property
    def _hand_written(self) -> list[tuple[str, Meaning]]:
        """The rows of en.tsv whose canonical words are all in the vocabulary."""
        found = []
        for target, words in self._rows(True):
            tokens = () if target in "-!" else tuple(target.split())
            exact, close = Meaning(tokens, "ignored" if target == "!" else "known"), Meaning(tokens, "near")
            found += [(_key(word), close if word[0] == "~" else exact) for word in words]
        return found

    @cached_property
    def _orphans(self) -> list[tuple[str, str]]:
        """Exact words of the other rows ('rhino'), each with its canonical word, which is at best near something."""
        return [(_key(to), _key(word)) for to, words in self._rows(False) for word in words if word[0] != "~"]

    def _rows(self, known: bool) -> Iterator[tuple[str, list[str]]]:
        for target, words in rows(self.home / "en.tsv"):
            if (target in "-!" or all(token in self.ids for token in target.split())) == known:
                yield target, words.split()

    # ---------------------------------------------------------------- Chinese and emoji
    @cached_property
    def chinese(self) -> Mapping[str, tuple[str, bool]]:
        """Simplified Chinese word -> (English text, whether it is exact). The hand-written table has the last word."""
        table = {zh: (en, True) for en, zh in rows(self.home / "zh-icons.tsv")}
        table.update({zh: (en, True) for en, zh in self._emoji_names()})
        table.update({zh: (en, True) for zh, en in numbers()})
        for en, words in rows(self.home / "zh.tsv"):
            table.update({zh.removeprefix("~"): (en, zh[0] != "~") for zh in words.split()})
        return table

    @cached_property
    def passage(self) -> re.Pattern[str]:
        """A stretch of Chinese characters, with the Latin letters of such words as T恤."""
        mixed = [re.escape(word) for word in self.chinese if word[0].isascii() and not word.isascii()]
        return re.compile("|".join((*mixed, f"[{HAN}]")).join(("(?:", ")+")), re.IGNORECASE)

    def _emoji_names(self) -> Iterator[tuple[str, str]]:
        """English and Chinese names; of a flag also the country alone."""
        for en, zh in self.emoji.values():
            kind, _, country = zh.partition(": ")
            if kind == "旗":
                name = en.removeprefix("flag: ")
                yield from ((name, country), (f"flag {name}", f"{country}国旗"), (f"flag {name}", f"{country}旗"))
            elif 2 <= len(zh) <= LONGEST and all(map(is_han, zh)):
                yield en, zh

    @cached_property
    def emoji(self) -> Mapping[str, Emoji]:
        """Emoji, without variation selectors and skin tones -> its names."""
        lines = (self.home / "emoji.tsv").read_text(encoding="utf-8").splitlines()
        return {key: Emoji(en, zh) for key, en, zh in (line.split("\t") for line in lines)}

    @cached_property
    def emoji_length(self) -> Mapping[str, int]:
        """First character of an emoji -> characters of the longest that begins with it."""
        lengths: dict[str, int] = {}
        for key in self.emoji:
            lengths[key[0]] = max(lengths.get(key[0], 0), len(key))
        return lengths

    @cached_property
    def simplified(self) -> Mapping[int, str]:
        """For str.translate: traditional character -> simplified one."""
        return str.maketrans(dict(rows(self.home / "traditional.tsv")))

    @cached_property
    def _chinese_names(self) -> Mapping[tuple[str, ...], str]:
        """Tokens -> the best Chinese word: the one written for just this English, then for another way to say it."""
        exact = [(en, zh) for en, words in rows(self.home / "zh.tsv") for zh in words.split() if zh[0] != "~"]
        exact += [(en, zh) for zh, (en, _) in self.chinese.items()]
        found: dict[tuple[str, ...], str] = {}
        for en, zh in exact:
            found.setdefault(tuple(en.split()), zh)
        for en, zh in exact:
            if (meaning := self.meaning_of(en)).how == "known":
                found.setdefault(meaning.tokens, zh)
        return found

    def chinese_of(self, token: str) -> str:
        """A Chinese word for a canonical English word (or several, with spaces); '' where none is known."""
        return self._chinese_names.get(tuple(token.split()), "")


@dataclass(frozen=True, eq=False)
class Own(Lexicon):
    """The shipped tables, cut down to the words that one painter knows, with the names that it was taught besides."""

    words: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    """spelling, as `spelt` gives it -> a word of the vocabulary"""
    unlearned: frozenset[str] = frozenset()
    """words of the vocabulary that no caption has said: they are not known, whatever number they have"""

    @cached_property
    def vocabulary(self) -> tuple[str, ...]:
        return self.words

    @cached_property
    def ids(self) -> Mapping[str, int]:
        return {word: number for word, number in super().ids.items() if word not in self.unlearned}

    @cached_property
    def frequent(self) -> frozenset[str]:
        return super().frequent - self.unlearned

    @cached_property
    def near(self) -> dict[str, Meaning]:
        return {key: one for key, one in super().near.items() if all(token in self.ids for token in one.tokens)}

    @cached_property
    def own(self) -> Mapping[str, Meaning]:
        taught = {name: Meaning((word,), "known") for name, word in self.names.items()}
        return {**super().own, **taught}

    @cached_property
    def chinese(self) -> Mapping[str, tuple[str, bool]]:
        return {**super().chinese, **{name: (word, True) for name, word in self.names.items() if is_han(name[0])}}

    def meaning_of(self, text: str) -> Meaning:
        return Meaning((text,), "known") if text in self.names.values() else super().meaning_of(text)


def unlearned(words: Sequence[str], table: Any) -> frozenset[str]:
    """Those whose row of a painter's gist, (len(RESERVED) + N, D), is nothing: no caption has said them."""
    return frozenset(word for word, said in zip(words, table.any(1)[len(RESERVED) :], strict=True) if not said)


def spelt(name: str, lexicon: Lexicon) -> str:
    """A new name as it is looked up; '' where it cannot be read in a prompt.

    >>> spelt("My Bulu", Lexicon.load()), spelt("布噜", Lexicon.load()), spelt("Кот", Lexicon.load())
    ('my_bulu', '布噜', '')
    """
    simple = fold(name.strip().translate(lexicon.simplified))
    if simple and all(map(is_han, simple)):
        return simple if len(simple) <= LONGEST else ""
    words = split(simple)
    plain = re.fullmatch(r"[a-z0-9]+(?:[ _-][a-z0-9]+)*", simple)
    return "_".join(words) if plain and len(words) <= LONGEST_PHRASE else ""


@cache
def _shipped() -> Lexicon:
    return Lexicon()


def rows(path: Path) -> Iterator[tuple[str, str]]:
    """The two columns of a table; lines with # are remarks."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] != "#":
            left, _, right = line.partition("\t")
            yield left, right


def _key(word: str) -> str:
    """How a word or phrase of a table is looked up."""
    return word if word.isalnum() else "_".join(WORDS.findall(word))


def slips(word: str) -> set[str]:
    """All texts at one typing slip from `word`: a letter too many, too few, wrong, or two exchanged."""
    parts = [(word[:cut], word[cut:]) for cut in range(len(word) + 1)]
    fewer = {left + right[1:] for left, right in parts if right}
    turned = {left + right[1] + right[0] + right[2:] for left, right in parts if len(right) > 1}
    wrong = {left + letter + right[1:] for left, right in parts if right for letter in LETTERS}
    more = {left + letter + right for left, right in parts for letter in LETTERS}
    return (fewer | turned | wrong | more) - {word}
