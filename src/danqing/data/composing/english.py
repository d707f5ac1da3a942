"""English captions: nouns with articles, plurals and colours, and the phrases that join them."""

from __future__ import annotations

import re

import numpy as np

from danqing.data.composing.composition import Composition, Thing
from danqing.words.colours import COLOURS

NUMBERS = {1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
IRREGULAR = {
    "man": "men", "woman": "women", "person": "people", "child": "children", "mouse": "mice", "goose": "geese",
    "foot": "feet", "tooth": "teeth", "wolf": "wolves", "leaf": "leaves", "knife": "knives", "scarf": "scarves",
    "fish": "fish", "sheep": "sheep", "deer": "deer", "moose": "moose", "bison": "bison", "squid": "squid",
    "shrimp": "shrimp", "ox": "oxen", "die": "dice", "potato": "potatoes", "tomato": "tomatoes", "mango": "mangoes",
    "buffalo": "buffalo", "ladybug": "ladybugs", "elf": "elves", "loaf": "loaves", "cactus": "cacti", "gas": "gases",
    "aircraft": "aircraft", "blowfish": "blowfish", "jellyfish": "jellyfish", "calf": "calves", "half": "halves",
    "shelf": "shelves", "volcano": "volcanoes", "mosquito": "mosquitoes", "bus": "buses", "blossom": "blossoms",
}  # fmt: skip
_VOWEL = re.compile(r"^(?:[aeio]|u(?!n(?:i|e)|fo|ser|tensil)|hour|herb|mri|x-ray|r\b)", re.I)
_SIBILANT = re.compile(r"(?:s|sh|ch|x|z)$")
_HEAD = re.compile(r"^(.+?)((?: (?:of|with|in|on|at|without|for|from|over) .+)?)$")
_PREFIX = re.compile(rf"^(?:small |tiny |little )?(?:(?:{'|'.join(COLOURS)}) )?")
_BARE = re.compile(
    r"^(?:headphones?|popcorn|bread|rice|corn|Santa Claus|santa|Mrs\. Claus|Mx Claus|Statue of Liberty|mount fuji|fire|"
    r"rain|snow|ice|cheese|meat|beer|milk|tea|coffee|sushi|spaghetti|garlic|broccoli|bacon|butter|salt|ZZZ|candy|"
    r"ice cream|wood|custard|honey|yarn|thread|ginger root|sake|cooked rice|curry rice|falafel|\d.*|[A-Z]{2,}.*|fog|"
    r"foggy|shaved ice|soft ice cream|sheaf of rice|green salad|kaaba|dango|oden|mate|lacrosse|badminton|bowling)$"
)
"""names that go without a or an, besides plurals"""
_JOINED = re.compile(r"\b(?:and|two|pair|couple|family|people|men|women|group|crowd|with|in|on|over|at|behind|of)\b")
_PLURAL = re.compile(r"[^sui]s$")
_PLURALS = frozenset({"people", "men", "women", "children", "feet", "teeth", "mice", "skis", "hands"})
_ONE_WITH_S = frozenset({"gas", "canvas", "atlas", "christmas", "santa claus", "lens"})


def several(name: str) -> bool:
    """Whether a name speaks of several things, or of things joined, so that it cannot be counted.

    >>> several("grapes"), several("couch and lamp"), several("bus"), several("cat face"), several("cactus")
    (True, True, False, False, False)
    """
    return bool(_JOINED.search(name.lower())) or _is_plural(name)


def _is_plural(name: str) -> bool:
    match = _HEAD.match(name)
    words = (match[1] if match else name).lower().split(" ")
    if {words[0], words[-1]} & _PLURALS:
        return True
    return bool(_PLURAL.search(words[-1])) and words[-1] not in _ONE_WITH_S


def bare(name: str) -> bool:
    """Whether it goes without a or an."""
    return bool(_BARE.match(name)) or _is_plural(name)


def with_article(noun: str) -> str:
    """
    >>> with_article("owl"), with_article("unicorn"), with_article("glasses"), with_article("UFO")
    ('an owl', 'a unicorn', 'glasses', 'UFO')
    """
    if bare(noun):
        return noun
    return f"an {noun}" if _VOWEL.match(noun) else f"a {noun}"


def plural(noun: str) -> str:
    """The plural of a name, of its head where more follows.

    >>> plural("cherry"), plural("glass of milk"), plural("tiger face"), plural("wolf"), plural("box")
    ('cherries', 'glasses of milk', 'tiger faces', 'wolves', 'boxes')
    """
    match = _HEAD.match(noun)
    assert match
    head, rest = match[1], match[2]
    *front, last = head.split(" ")
    return " ".join([*front, _plural(last)]) + rest


def _plural(word: str) -> str:
    if word.lower() in IRREGULAR:
        return IRREGULAR[word.lower()]
    if word.endswith("y") and word[-2:-1] not in ("a", "e", "i", "o", "u", ""):
        return f"{word[:-1]}ies"
    return f"{word}es" if _SIBILANT.search(word) else f"{word}s"


def noun(thing: Thing, rng: np.random.Generator | None, size: str = "", own_colour: float = 0.0) -> str:
    """The thing with its colour, without an article; plain where there is no chance.

    `own_colour`: how often the colour that the picture has by itself is said. A painted colour is said always.
    """
    name = thing.short_en if thing.short_en and (rng is None or rng.random() < 0.55) else thing.en
    colour = thing.colour
    if not colour and thing.colours and rng is not None and rng.random() < own_colour:
        colour = thing.colours[0]
    return " ".join(filter(None, (size, colour, name)))


def pick(rng: np.random.Generator | None, *phrases: str) -> str:
    """One of several ways to say it; the first where there is no chance."""
    return phrases[0] if rng is None else phrases[int(rng.integers(len(phrases)))]


def sentence(composition: Composition, rng: np.random.Generator | None = None) -> str:
    """What is seen, in one of many phrasings, or in the plainest."""
    text = _SENTENCES[composition.kind](composition, rng)
    if composition.ground and composition.kind != "background":
        word = composition.ground.word
        text += pick(rng, f" on {with_article(word)} background", f", {word} background")
    return text


def _a(rng: np.random.Generator | None, text: str) -> str:
    """With its article, in most cases; whether it takes one hangs on the name without what stands before it."""
    if (rng is not None and rng.random() < 0.3) or bare(_PREFIX.sub("", text)):
        return text
    return with_article(text)


def _one(composition: Composition, rng: np.random.Generator | None) -> str:
    return _a(rng, noun(composition.things[0], rng))


def _background(composition: Composition, rng: np.random.Generator | None) -> str:
    assert composition.ground
    thing = _a(rng, noun(composition.things[0], rng, own_colour=0.15))
    colour = composition.ground.word
    if composition.ground.shape == "disc":
        circle = with_article(f"{colour} circle")
        return pick(rng, f"{thing} on {circle}", f"{thing} in {circle}", f"{thing}, {colour} circle")
    ground = with_article(f"{colour} background")
    return pick(
        rng,
        f"{thing} on {ground}",
        f"{thing} with {ground}",
        f"{thing}, {colour} background",
        f"{thing} in front of {ground}",
    )


def _place(composition: Composition, rng: np.random.Generator | None) -> str:
    thing = _a(
        rng, noun(composition.things[0], rng, size=pick(rng, "small", "small", "tiny", "little"), own_colour=0.15)
    )
    where = composition.relation
    if where == "middle":
        return thing + pick(rng, " in the middle", " in the center", " at the center")
    if " " in where:
        return thing + pick(rng, f" in the {where} corner", f" at the {where}", f" in the {where}")
    return thing + pick(
        rng,
        f" at the {where}",
        f" on the {where}",
        f" at the {where} side" if where in "leftright" else f" at the {where}",
    )


def _count(composition: Composition, rng: np.random.Generator | None) -> str:
    things = noun(composition.things[0], rng, own_colour=0.2)
    colour = composition.things[0].colour
    bare = things.removeprefix(f"{colour} ") if colour else things
    many = f"{colour} {plural(bare)}".strip() if colour else plural(things)
    number = NUMBERS[composition.count]
    return pick(
        rng,
        f"{number} {many}",
        f"{number} {many}",
        f"{number} {many}",
        f"{composition.count} {many}",
        f"a group of {number} {many}",
        f"a picture of {number} {many}",
    )


def _pair(composition: Composition, rng: np.random.Generator | None) -> str:
    one, other = (_a(rng, noun(thing, rng, own_colour=0.15)) for thing in composition.things)
    relation = composition.relation
    if relation in ("right", "below"):
        one, other = other, one
        relation = {"right": "left", "below": "above"}[relation]
    if relation == "left":
        return pick(
            rng, f"{one} to the left of {other}", f"{one} left of {other}", f"{other} to the right of {one}",
            f"{other} right of {one}", f"{one} on the left and {other} on the right",
            f"{one} on the left, {other} on the right",
        )  # fmt: skip
    if relation == "above":
        return pick(rng, f"{one} above {other}", f"{other} below {one}", f"{one} over {other}", f"{other} under {one}")
    return pick(
        rng,
        f"{one} and {other}",
        f"{one} and {other}",
        f"{one} next to {other}",
        f"{one} beside {other}",
        f"{other} and {one}",
    )


def _wear(composition: Composition, rng: np.random.Generator | None) -> str:
    one, other = composition.things
    figure, worn = _a(rng, noun(one, rng, own_colour=0.3)), _a(rng, noun(other, rng, own_colour=0.25))
    ways = [f"{figure} wearing {worn}", f"{figure} wearing {worn}", f"{figure} with {worn}"]
    ways += [f"{figure} with {worn} on the head"] if composition.relation == "wear bow" else []
    ways += [f"{figure} in {worn}"] if composition.relation in ("wear hat", "wear neck") else []
    return pick(rng, *ways)


def _hold(composition: Composition, rng: np.random.Generator | None) -> str:
    one, other = (_a(rng, noun(thing, rng, own_colour=0.2)) for thing in composition.things)
    return pick(rng, f"{one} holding {other}", f"{one} holding {other}", f"{one} with {other}")


def _on(composition: Composition, rng: np.random.Generator | None) -> str:
    one, other = (_a(rng, noun(thing, rng, own_colour=0.2)) for thing in composition.things)
    return pick(rng, f"{one} on {other}", f"{one} on {other}", f"{one} on top of {other}", f"{one} standing on {other}")


def _inside(composition: Composition, rng: np.random.Generator | None) -> str:
    one, other = (_a(rng, noun(thing, rng, own_colour=0.2)) for thing in composition.things)
    return pick(rng, f"{one} in {other}", f"{one} in {other}", f"{one} inside {other}")


_SENTENCES = {
    "plain": _one, "hue": _one, "background": _background, "place": _place, "count": _count, "pair": _pair,
    "wear": _wear, "hold": _hold, "on": _on, "inside": _inside,
}  # fmt: skip
