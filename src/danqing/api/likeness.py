"""Pictures found by what they show: describe, and the training pictures nearest to one."""

from dataclasses import dataclass

from torch import Tensor

from danqing.api.materials import Source, framed, material
from danqing.api.studios import Studio, load_painter
from danqing.api.texttopicture import Model
from danqing.errors import UsageError
from danqing.families.text2image.index import Entry

LANGUAGES = ("en", "zh")
SEARCHED = 400
"""nearest training pictures among which different names are looked for"""


@dataclass(frozen=True)
class Guess:
    """What a picture may show."""

    prompt: str
    score: float
    """cosine of meaning with the nearest training picture of that name, at most 1"""
    entry: Entry
    """that picture"""


@dataclass(frozen=True)
class Kin:
    """A training picture that is like another picture."""

    entry: Entry
    likeness: float
    """cosine of looks, 1 for the same picture"""


def describe(picture: Source, lang: str = "en", n: int = 4, model: Model = None) -> list[Guess]:
    """The `n` best names for a picture, in English or Chinese: those of the training pictures nearest to it.

    A name that no training picture has is never said.
    """
    if lang not in LANGUAGES:
        raise UsageError(f"The language '{lang}' is not spoken here; choose {' or '.join(LANGUAGES)}.")
    studio = load_painter(model)
    guesses: dict[str, Guess] = {}
    for entry, score in studio.index.nearest(embedding_of(studio, picture), SEARCHED, by="meaning"):
        name = entry.name_zh if lang == "zh" else entry.name_en
        if name and name not in guesses:
            guesses[name] = Guess(name, score, entry)
    return list(guesses.values())[: checked(n)]


def sources(picture: Source | Tensor, n: int = 3, model: Model = None) -> list[Kin]:
    """The `n` training pictures most like a picture (or an embedding of the painter), with licence and author."""
    studio = load_painter(model)
    embedding = picture if isinstance(picture, Tensor) else embedding_of(studio, picture)
    return [Kin(entry, likeness) for entry, likeness in studio.index.nearest(embedding, checked(n))]


def embedding_of(studio: Studio, picture: Source) -> Tensor:
    return studio.embed(framed(material(picture).rgba, studio.painter.size, lift=True))


def checked(n: int) -> int:
    if not 1 <= n <= 100:
        raise UsageError(f"{n} is not possible here; choose 1 to 100.")
    return n
