"""The word judge: how well a picture fits a name, by a small contrastive net on frozen VGG-19 features.

A picture and a name become unit vectors of one space (Radford et al. 2021, arXiv 2103.00020, section 2.3), in which
near means: this is a picture of that. It is trained by scripts/train_clipart_judge.py on drawings only, apart from all
painters, and sees pictures at 64 pixels. `recall_at` is the score: the share of pictures whose own name is among the
first k of many names (R-precision of Xu et al. 2018, arXiv 1711.10485, section 4, is k = 1).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from danqing.errors import BadInputError, UsageError
from danqing.evaluate.features import BATCH, in_batches
from danqing.evaluate.shipped import broken, fill, read_card, shelf, vgg19
from danqing.nn.chance import generator
from danqing.nn.efficientnet import prepare
from danqing.nn.vgg import LAYERS
from danqing.words.forms import singulars, split

NAME = "clipart-judge"
SIDE = 64
"""side in pixels to which pictures are resized"""
DIMS = 256
"""length of the unit vectors"""
LAYERS_SEEN = ("conv3_1", "conv4_1", "conv5_1")
"""layers of VGG-19 of which mean and standard deviation over all places are taken"""
FEATURES = 2 * sum(LAYERS[layer] for layer in LAYERS_SEEN)
HIDDEN = 384
"""units of the inner layers"""
WIDTH = 192
"""length of a word vector"""
DROPOUT, NAME_DROPOUT = 0.2, 0.1
"""shares that are left out in training, of features and of word vectors"""
CANDIDATES = 500
"""names among which the right one is to be found"""
REPEATS = 1000
"""samples behind a bootstrap interval"""


def tokens(name: str) -> tuple[str, ...]:
    """The words of an English name, in its order: lower case, in the singular; no lexicon, which would change scores.

    >>> tokens("Cat-face with two Eyes")
    ('cat', 'face', 'with', 'two', 'eye')
    """
    return tuple(next(singulars(word), word) for word in split(name))


def key(name: str) -> tuple[str, ...]:
    """What makes two names the same to the judge: their words, sorted."""
    return tuple(sorted(tokens(name)))


def describe(pictures: Tensor) -> Tensor:
    """(N, 1 or 3, H, W) in [-1, 1] -> (N, FEATURES) >= 0: what VGG-19 sees at 64 pixels, but not where."""
    maps = vgg19()(prepare(pictures, SIDE), LAYERS_SEEN)
    return torch.cat([part for layer in LAYERS_SEEN for part in spread(maps[layer])], 1)


def spread(maps: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) -> mean and standard deviation over all places, (N, C) each."""
    deviation, mean = torch.std_mean(maps, (2, 3), correction=0)
    return mean, deviation


class PictureTower(nn.Module):
    """Features (B, FEATURES) -> unit vectors (B, DIMS)."""

    centre: Tensor
    scale: Tensor

    def __init__(self, features: int = FEATURES) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.layers = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear(features, HIDDEN),
            nn.LayerNorm(HIDDEN),
            nn.GELU(),
            nn.Dropout(DROPOUT),
            nn.Linear(HIDDEN, DIMS),
        )

    def standard(self, features: Tensor) -> Tensor:
        """(B, FEATURES) >= 0 -> about normal: a root tames the few large activations."""
        return (features.sqrt() - self.centre) * self.scale

    def project(self, standard: Tensor) -> Tensor:
        """Standardised features (B, FEATURES) -> unit vectors (B, DIMS)."""
        return normalize(self.layers(standard))

    def forward(self, features: Tensor) -> Tensor:
        return self.project(self.standard(features))


class NameTower(nn.Module):
    """Bags of words -> unit vectors (B, DIMS): the sum of word vectors, then two layers."""

    def __init__(self, words: int, width: int = WIDTH) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(words, width, mode="sum")
        nn.init.normal_(self.bag.weight, std=0.5)
        self.layers = nn.Sequential(
            nn.Dropout(NAME_DROPOUT), nn.Linear(width, HIDDEN), nn.GELU(), nn.Linear(HIDDEN, DIMS)
        )

    def forward(self, bags: Sequence[Sequence[int]]) -> Tensor:
        """One list of word numbers per name."""
        ids = torch.tensor([number for bag in bags for number in bag], dtype=torch.int64)
        starts = torch.tensor([0, *(len(bag) for bag in bags)][:-1], dtype=torch.int64).cumsum(0)
        return normalize(self.layers(self.bag(ids, starts)))


class WordJudge(nn.Module):
    """Pictures and English names -> unit vectors; their product says how well they fit (-1 .. 1)."""

    def __init__(self, words: Sequence[str]) -> None:
        """`words` in the order of their vectors."""
        super().__init__()
        self.number = {word: place for place, word in enumerate(words)}
        self.pictures = PictureTower()
        self.names = NameTower(len(words))

    @staticmethod
    @cache
    def load() -> "WordJudge":
        """The judge that comes with Danqing, fixed; BadWeightsError if its files are broken."""
        return fill(WordJudge(read_lines("words")), NAME)

    def embed_pictures(self, pixels: Tensor, batch: int = BATCH) -> Tensor:
        """(N, 1 or 3, H, W), uint8 or float in [-1, 1], drawings over white -> (N, DIMS) float32."""
        return in_batches(lambda part: self.pictures(describe(part)), pixels, batch)

    @torch.no_grad()
    def embed_names(self, names: Sequence[str]) -> Tensor:
        """English names -> (M, DIMS) float32; BadInputError where no word of a name is known."""
        return self.names([self.bag(name) for name in names])

    def knows(self, name: str) -> bool:
        """Whether at least one word of the name is known."""
        return any(word in self.number for word in tokens(name))

    def bag(self, name: str) -> list[int]:
        """The numbers of its known words."""
        found = [self.number[word] for word in key(name) if word in self.number]
        if not found:
            raise BadInputError(f"The word judge knows no word of '{name}'; use plain English names of things.")
        return found

    def recall(
        self, pixels: Tensor, names: Sequence[str], others: Sequence[str] | None = None, k: int = 5, seed: int = 0
    ) -> "Recall":
        """`recall_at` of pictures (N, C, H, W) that should show `names` (N of them), each among CANDIDATES names.

        The wrong ones are drawn from `others`, by default from all names of the drawings that the judge knows.
        """
        if len(pixels) != len(names):
            raise BadInputError(f"{len(pixels)} pictures and {len(names)} names came; give one name per picture.")
        known = {key(name): name for name in (*(read_lines("names") if others is None else others), *names)}
        place = {words: row for row, words in enumerate(known)}
        right = torch.tensor([place[key(name)] for name in names])
        candidates = draw_candidates(right, len(known), seed=seed)
        return recall_at(self.embed_pictures(pixels), self.embed_names(list(known.values())), candidates, k, seed)


def read_lines(name: str) -> list[str]:
    """The shipped judge's "words", in the order of their vectors, or "names" of the drawings that it was taught."""
    try:
        blob = shelf().joinpath(NAME, f"{name}.txt").read_bytes()
    except OSError as error:
        raise broken(NAME, f"its {name} cannot be read ({error})") from None
    if hashlib.sha256(blob).hexdigest() != read_card(NAME).get(f"{name}_sha256"):
        raise broken(NAME, f"its {name} are not those that its card names")
    return blob.decode().splitlines()


@dataclass(frozen=True)
class Recall:
    """Share of pictures whose own name is among the first k candidates."""

    value: float
    low: float
    high: float
    """95 % interval: chance of the pictures"""
    k: int
    candidates: int
    """names for each picture, the right one among them; k / candidates is chance"""
    count: int
    """pictures"""


def draw_candidates(right: Tensor, total: int, count: int = CANDIDATES, seed: int = 0) -> Tensor:
    """For N pictures whose names are the rows `right` (N,) of `total` names: (N, count) rows, the right one first.

    The others are distinct, drawn evenly by `seed`.
    """
    if total < count:
        raise UsageError(f"{total} different names came for {count} candidates; give at least {count}.")
    chance = generator("candidates", seed)
    drawn = torch.stack([torch.randperm(total - 1, generator=chance)[: count - 1] for _ in range(len(right))])
    others = drawn + (drawn >= right[:, None])  # passes over the right one
    return torch.cat([right[:, None], others], 1)


def recall_at(pictures: Tensor, names: Tensor, candidates: Tensor, k: int = 5, seed: int = 0) -> Recall:
    """Recall at k of unit vectors: pictures (N, D), names (M, D), candidates (N, C) rows of names, the right one first.

    A wrong name that fits as well as the right one counts as better.
    """
    count, width = candidates.shape
    if not 0 < k < width or len(pictures) != count or not count:
        raise UsageError(
            f"k = {k}, {len(pictures)} pictures, candidates {(count, width)}; give 0 < k < C, equal N > 0."
        )
    hits = torch.cat(
        [
            beaten(torch.einsum("nd,ncd->nc", some, names[rows])) < k
            for some, rows in zip(pictures.split(BATCH), candidates.split(BATCH), strict=True)
        ]
    )
    low, high = bootstrap(hits, seed)
    return Recall(hits.double().mean().item(), low, high, k, width, count)


def beaten(scores: Tensor) -> Tensor:
    """Scores (N, C) -> how many of the others are at least as good as the first: (N,)."""
    return (scores[:, 1:] >= scores[:, :1]).sum(1)


# Efron 1979 (Annals of Statistics 7), the percentile interval of Efron and Tibshirani 1993, section 13.3.
def bootstrap(hits: Tensor, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of (N,) bool."""
    chance = generator("bootstrap", seed)
    draws = (torch.randint(len(hits), (len(hits),), generator=chance) for _ in range(REPEATS))
    means = torch.stack([hits[rows].double().mean() for rows in draws])
    low, high = means.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high
