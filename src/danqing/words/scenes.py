"""A prompt taken apart: several things that can be painted one by one, and how they stand to each other.

"a dog and a cat", 树下的兔子, "three yellow stars", "a red apple on a blue background". What is not plainly of this
kind is no scene, and is painted as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

from danqing.words.chinese import AT, PLACES, is_han
from danqing.words.colours import COLOURS
from danqing.words.forms import listed
from danqing.words.reading import QUALITY, Reading, Word

RELATIONS = {
    "and": "beside", "beside": "beside", "left": "left", "right": "right", "above": "above", "over": "above",
    "below": "below", "under": "under", "on": "on", "riding": "on", "holding": "holding",
    "wearing": "wearing", "with": "wearing",
}  # fmt: skip
"""canonical word -> how the first thing stands to the second"""
WORN = {"hat": "head", "crown": "head", "cap": "head", "helmet": "head", "glasses": "eyes", "sunglasses": "eyes",
        "headphone": "ears"}  # fmt: skip
"""what can be worn, if it is laid on, and where; scarfs go around a neck, which takes the painter itself"""
DRINKS = frozenset(("wine", "beer", "cocktail", "champagne", "drinking", "water", "milk", "juice", "whiskey"))
"""whose glasses nobody looks through"""
FACELESS = listed("table desk bottle shelf tray box phone computer laptop shop store bag cupboard bar room")
"""beside which glasses and headphones stand"""
NEGATIONS = frozenset(("no", "not", "without", "never"))
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6}
SIZES = frozenset(("small", "tiny", "little", "big", "large", "huge"))
"""of one thing beside another; each is painted in full size"""
GROUND = "background"
LINKS = frozenset(("of", "the", "a", "in", "on", "with", "and", "colour", "front", "before"))
"""canonical words that only join"""
PEOPLE = listed(
    """person people man woman boy girl baby child kid adult lady guy teenager elder prince princess king queen bride
    groom doctor nurse teacher student worker farmer cook chef police officer soldier pilot astronaut artist singer
    dancer human family couple hand skin"""
)
"""whose colour is said in another sense"""
QUALITIES_AND_COUNTS = QUALITY | NUMBERS.keys() | SIZES | LINKS
"""what may be said of a thing before what it wears or holds"""
FRUITY = frozenset(("tree", "juice", "slice", "fruit", "peel", "blossom", "jam"))
"""beside which orange is a fruit"""


Group = tuple[list[Word], int]
"""what, and how many"""


@dataclass(frozen=True)
class Scene:
    """One or two groups of things, each group one thing or several of a kind."""

    groups: tuple[tuple[Reading, int], ...]
    """what, and how many"""
    relation: str = ""
    """of the first to the second; a value of RELATIONS, or "" for one group"""
    ground: str = ""
    """a colour word, or "" """

    @property
    def things(self) -> list[Reading]:
        """One after the other, several of a kind each for itself."""
        return [what for what, count in self.groups for _ in range(count)]

    def plain(self) -> list[str]:
        """The words of each thing."""
        return list(map(in_words, self.things))


def in_words(what: Reading) -> str:
    """Its canonical words."""
    return " ".join(canonical(what))


def scene_of(reading: Reading, is_thing: Callable[[str], bool]) -> Scene | None:
    """What a prompt's words say of several things; None where it is one picture. `is_thing`: of a canonical word."""
    words, ground = without_ground(reading.words)
    if reading.left_out or any(word.how == "ignored" for word in words):
        return None
    at = [place for place, word in enumerate(words) if relation_of(word)]
    if len(at) > 1:
        return None
    parts = sides(words, at[0]) if at else (words,)
    groups = tuple(counted(part) for part in parts)
    relation = relation_of(words[at[0]]) if at else ""
    if not (relation or ground or groups[0][1] > 1):
        return None
    if NEGATIONS & {token for word in words for token in word.tokens}:
        return None
    if relation == "wearing":
        each = worn_by_each(groups[0], groups[1])
        if not each:
            return None
        groups = groups[0], each
    if not all(named(what, is_thing) for what, _ in groups):
        return None
    return Scene(tuple((Reading(tuple(what)), n) for what, n in groups), relation, ground)


def coloured(
    reading: Reading, known: Callable[[tuple[str, ...]], object], unwanted: Container[str] = ()
) -> tuple[Reading, str]:
    """A thing without the colour that is said of it, and that colour ("purple cat", 紫色的猫 -> cat, purple).

    The words as they are, and "", where it is not plainly so: no colour or several, other words that join or that are
    not understood, both together a name of their own ("red heart"), no known thing left, or a person. White is lost
    on paper, and the painter shades it. `known`: whether canonical words are the name of a thing; `unwanted`: colours
    to keep away from.
    """
    nothing = reading, ""
    found = [(token, word) for word in reading.words for token in word.tokens if token in COLOURS]
    if len(found) != 1 or reading.left_out or any(word.how == "ignored" for word in reading.words):
        return nothing
    tint, said = found[0]
    if tint == "white" or tint in unwanted or said.weight != 1 or (said.how == "near" and len(said.tokens) > 1):
        return nothing
    if any((LINKS - {"colour"}) & set(word.tokens) for word in reading.words):
        return nothing
    plain = [replace(word, tokens=tuple(one for one in word.tokens if one != tint)) for word in reading.words]
    rest, count = counted(plain)
    left = Reading(tuple(word for word in rest if not linking(word)))
    words = canonical(left)
    if count > 1 or not words or PEOPLE & set(words) or (tint == "orange" and FRUITY & set(words)):
        return nothing
    return (left, tint) if known(words) and not known(canonical(reading)) else nothing


def canonical(what: Reading) -> tuple[str, ...]:
    return tuple(token for token, _ in what.tokens)


def relation_of(word: Word) -> str:
    return next((RELATIONS[token] for token in word.tokens if token in RELATIONS), "")


def worn_by_each(wearers: Group, worn: Group) -> Group | None:
    """One of what is worn for each wearer, if it can be laid on; None otherwise."""
    (who, count), (what, came) = wearers, worn
    place, beside = worn_at(what), {token for word in (*who, *what) for token in word.tokens}
    if not place or came not in (1, count) or (place != "head" and beside & (DRINKS | FACELESS)):
        return None
    return what, count


def worn_at(words: Sequence[Word]) -> str:
    """Where the thing that they name last is worn; "" if it is not, or cannot be laid on."""
    return WORN.get(words[-1].tokens[-1], "") if words and words[-1].tokens else ""


def without_ground(words: Sequence[Word]) -> tuple[list[Word], str]:
    """The words without "on a blue background" (蓝色背景上的), and its colour."""
    place = next((i for i, word in enumerate(words) if GROUND in word.tokens), None)
    colour = words[place - 1].tokens[:1] if place else ()
    if place is None or not colour or colour[0] not in COLOURS:
        return list(words), ""
    first, last = place - 1, place
    while first and linking(words[first - 1]):
        first -= 1
    while last + 1 < len(words) and linking(words[last + 1]):
        last += 1
    return [*words[:first], *words[last + 1 :]], colour[0]


def linking(word: Word) -> bool:
    return LINKS.issuperset(word.tokens)


def sides(words: Sequence[Word], at: int) -> tuple[Sequence[Word], Sequence[Word]]:
    """The thing of which something is said, and that which it stands to: A on B, B上的A, 在B上的A."""
    before, after = words[:at], words[at + 1 :]
    text = words[at].text
    if text in PLACES and text != AT:
        return after, before
    if is_han(text[0]) and all(QUALITIES_AND_COUNTS.issuperset(word.tokens) for word in before):  # 一只拿着B的A
        of = next((i for i, word in enumerate(after) if "of" in word.tokens), len(after))
        return [*before, *after[of + 1 :]], after[:of]
    return before, after


def counted(words: Sequence[Word]) -> tuple[list[Word], int]:
    """The words of one thing, and how many of it; links at the ends go."""
    kept = list(words)
    while kept and linking(kept[0]):
        kept.pop(0)
    while kept and linking(kept[-1]):
        kept.pop()
    count = NUMBERS.get("".join(kept[0].tokens), 0) if kept else 0
    if count:
        kept.pop(0)
    return [word for word in kept if not word.tokens or not SIZES.issuperset(word.tokens)], count or 1


def named(words: Sequence[Word], is_thing: Callable[[str], bool]) -> bool:
    """Whether a thing is named, and not a quality alone."""
    return any(is_thing(token) for word in words for token in word.tokens if token not in QUALITY)
