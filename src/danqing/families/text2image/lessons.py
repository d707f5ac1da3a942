"""What a painter learns from: the plain pictures of the clip-art set, then compositions of them, and their captions.

Picture i and its captions are pure functions of (seed, i). Captions in both languages are read into one vocabulary.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch

from danqing.data.clipart.reading import Clipart
from danqing.data.composing.captions import caption, languages
from danqing.data.composing.composing import compose
from danqing.data.composing.composition import Composition, Part
from danqing.data.composing.drawing import draw
from danqing.data.composing.singles import single
from danqing.data.composing.stock import Stock
from danqing.families.text2image.pool import LENGTH, Sample
from danqing.families.text2image.recipes import PoolSettings
from danqing.nn.chance import derive, generator
from danqing.words.lexicon import Lexicon
from danqing.words.reading import read


@dataclass(frozen=True, eq=False)
class Lessons:
    settings: PoolSettings
    clipart: Clipart
    plain: np.ndarray
    """rows of the set, in the order of the pool"""
    styles: tuple[str, ...]
    lexicon: Lexicon

    @cached_property
    def stock(self) -> Stock:
        """The rows to compose from: those of the wanted kinds, never one that is held out."""
        wanted = set(self.plain.tolist())
        rows = [
            replace(row, split="unused") if row.split == "train" and i not in wanted else row
            for i, row in enumerate(self.clipart.rows)
        ]
        return Stock(rows, self.clipart.pictures)

    @cached_property
    def composed_weight(self) -> float:
        """Of one composition, so that all of them are drawn in the wanted share."""
        share, composed = self.settings.composed, max(1, self.settings.count - len(self.plain))
        plain = sum(self.clipart.rows[i].weight for i in self.plain)
        return share / max(1e-9, 1 - share) * plain / composed

    def composition_at(self, i: int) -> Composition:
        if i < len(self.plain):
            row = int(self.plain[i])
            return single("plain", self.stock, row, [Part(row)], self.stock.thing(row))
        return compose(self.chance("compose", i), self.stock)

    def sample_at(self, i: int) -> Sample:
        made = self.composition_at(i)
        weight = self.clipart.rows[int(self.plain[i])].weight if i < len(self.plain) else self.composed_weight
        return Sample(draw(made, self.clipart.pictures), self.styles.index(made.style), weight)

    def captions_at(self, i: int) -> list[list[int]]:
        """Token ids of as many wordings as the settings ask for."""
        made, rng = self.composition_at(i), self.chance("caption", i)
        tongues = languages(made)
        shares = (1 - self.settings.chinese, self.settings.chinese) if len(tongues) == 2 else (1.0,)
        texts = [caption(made, rng, str(rng.choice(tongues, p=shares))) for _ in range(self.settings.captions)]
        return [self.tokens(text) for text in texts]

    def tokens(self, text: str) -> list[int]:
        """Token ids of a prompt, at most LENGTH."""
        return [self.lexicon.id_of(token) for token, _ in read(text, self.lexicon).tokens][:LENGTH]

    def chance(self, what: str, i: int) -> np.random.Generator:
        return np.random.default_rng(derive("lessons", self.settings.seed, what, i))

    def licences(self) -> dict[str, int]:
        """How many pictures are under each licence."""
        return dict(Counter(self.clipart.rows[i].licence for i in self.plain))


def lessons(clipart: Clipart, settings: PoolSettings, lexicon: Lexicon | None = None) -> Lessons:
    """From the rows to learn from, of the wanted kinds, in a seeded order."""
    rows = [i for i in clipart.chosen("train") if clipart.rows[i].kind in settings.kinds]
    order = torch.randperm(len(rows), generator=generator("lessons", settings.seed)).numpy()
    styles = tuple(sorted({clipart.rows[i].style for i in rows}))
    return Lessons(settings, clipart, np.asarray(rows)[order], styles, lexicon or Lexicon.load())
