"""The forms of English words: lower case, accents, plurals, verb endings. Nothing here knows a vocabulary."""

import re
import unicodedata
from collections.abc import Iterator


def listed(text: str) -> frozenset[str]:
    """A set of words, written as one text."""
    return frozenset(text.split())


FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20}
"""full-width ASCII, as Chinese keyboards write it -> ASCII"""
UNDECOMPOSED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "ı": "i", "þ": "th"})

IRREGULAR = {
    "men": "man", "women": "woman", "children": "child", "people": "person", "feet": "foot", "teeth": "tooth",
    "geese": "goose", "mice": "mouse", "lice": "louse", "oxen": "ox", "dice": "die", "leaves": "leaf",
    "wolves": "wolf", "knives": "knife", "wives": "wife", "lives": "life", "halves": "half", "calves": "calf",
    "loaves": "loaf", "thieves": "thief", "elves": "elf", "shelves": "shelf", "selves": "self", "hooves": "hoof",
    "scarves": "scarf", "dwarves": "dwarf", "cacti": "cactus", "fungi": "fungus", "octopi": "octopus",
    "hippopotami": "hippopotamus", "cherubim": "cherub", "brethren": "brother", "pence": "penny",
    "aircrafts": "aircraft", "movies": "movie", "cookies": "cookie", "pies": "pie", "ties": "tie", "zombies": "zombie",
    "selfies": "selfie", "genies": "genie", "brownies": "brownie", "smoothies": "smoothie", "hoodies": "hoodie",
    "calories": "calorie", "shoes": "shoe", "toes": "toe", "canoes": "canoe", "foes": "foe", "gases": "gas",
    "buses": "bus", "lenses": "lens", "viruses": "virus", "irises": "iris", "axes": "axe", "aches": "ache",
    "headaches": "headache", "mustaches": "mustache", "moustaches": "moustache", "caches": "cache", "aeries": "aerie",
    "quizzes": "quiz", "waltzes": "waltz", "buzzes": "buzz", "fezzes": "fez", "eyries": "eyrie", "birdies": "birdie",
    "indices": "index", "vertices": "vertex", "matrices": "matrix", "bacteria": "bacterium", "crises": "crisis",
    "chateaux": "chateau", "plateaux": "plateau", "mongooses": "mongoose", "germs": "germ",
}  # fmt: skip
"""plural -> singular where no rule finds it"""

STAYING = listed(
    """alas alps always ananas andes arkansas asbestos athens athletics atlas bahamas barbados barracks bellows besides
    billiards binoculars briefs brussels canvas chaos charles checkers christmas clothes corps cosmos crossroads
    dallas diabetes dns electronics ethos eyeglasses gallows gas glasses goggles gps gymnastics has headquarters
    hercules hiccups honduras innings ios its james jeans kansas laos leggings lens logos lucas maldives mars
    mathematics maths measles mercedes molasses mumps naples netherlands news nicholas olympics os overalls pajamas
    pancreas pants paralympics pathos perhaps philippines physics pliers politics pyjamas rabies rhinoceros scissors
    series seychelles shambles shears shorts sms sometimes species sunglasses texas thermos thomas tights tongs
    towards trousers tweezers vegas was yes"""
)
"""words with an s at the end that are no plural, or that mean something else without it; -ss, -us and -is go by rule"""

SIBILANT = re.compile(r"(?:ss|sh|ch|x|zz)es$")
VOWEL = re.compile(r"[aeiouy]")
WORDS = re.compile(r"[a-z0-9]+")


def fold(text: str) -> str:
    """Lower case without accents; full-width letters become plain ones.

    >>> fold("Crème BRÛLÉE"), fold("ＲＥＤ")
    ('creme brulee', 'red')
    """
    decomposed = unicodedata.normalize("NFKD", text.translate(FULL_WIDTH).lower().translate(UNDECOMPOSED))
    return "".join(char for char in decomposed if not unicodedata.combining(char))


def split(text: str) -> list[str]:
    """The words of an English text: folded, punctuation dropped, a possessive 's too.

    >>> split("The cat's high-speed TRAIN, no. 3")
    ['the', 'cat', 'high', 'speed', 'train', 'no', '3']
    """
    return WORDS.findall(re.sub(r"['’]s\b", "", fold(text)).replace("'", "").replace("’", ""))


def singulars(word: str) -> Iterator[str]:
    """What a plural may be the plural of, likeliest first; nothing where the word is no plural.

    >>> [next(singulars(word), word) for word in ("eyes", "boxes", "cherries", "geese", "glasses", "bus")]
    ['eye', 'box', 'cherry', 'goose', 'glasses', 'bus']
    """
    if word in IRREGULAR:
        yield IRREGULAR[word]
    if word in STAYING or len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return
    if word.endswith("ies") and len(word) > 4:
        yield f"{word[:-3]}y"
    if SIBILANT.search(word) or word.endswith("oes"):
        yield word[:-2]
    yield word[:-1]
    if word.endswith("ses") or word.endswith("ves"):
        yield word[:-2] if word.endswith("ses") else f"{word[:-3]}f"


def stems(word: str) -> Iterator[str]:
    """What a verb form or a comparison may be made of, likeliest first.

    >>> list(stems("running")), list(stems("waved"))[:2], list(stems("happier"))[:1]
    (['runn', 'runne', 'run'], ['wav', 'wave'], ['happy'])
    """
    for ending in ("ing", "ed", "er", "est"):
        stem = word.removesuffix(ending)
        if stem == word or len(stem) < 3 or not VOWEL.search(stem):
            continue
        if stem.endswith("i"):
            yield f"{stem[:-1]}y"
            continue
        yield from (stem, f"{stem}e")
        if len(stem) > 3 and stem[-1] == stem[-2]:
            yield stem[:-1]
