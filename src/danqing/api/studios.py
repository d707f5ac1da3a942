"""A painter that is ready: its weights, the words it knows, the pictures it learned from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danqing.api.commissions import ANY
from danqing.errors import NotFoundError, unknown
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.families.pretrained.opening import is_pretrained
from danqing.families.text2image.index import Index, read_index
from danqing.families.text2image.painter import Painter
from danqing.families.text2image.prior import Said
from danqing.families.text2image.shipping import Shipped, read_painter
from danqing.words.lexicon import PAD, Lexicon, Own, unlearned
from danqing.words.reading import Reading, read
from danqing.words.scenes import canonical

SHIPPED = "painter"
"""folder in danqing/models"""


@dataclass(frozen=True, eq=False)
class Studio:
    """What `load_painter` gives. A painter of its own for every folder, kept for the next call."""

    shipped: Shipped
    folder: Path

    @property
    def painter(self) -> Painter:
        return self.shipped.painter

    @property
    def name(self) -> str:
        return self.shipped.card.name

    @property
    def hash(self) -> str:
        """First 12 hex digits of the sha256 of the weights."""
        return self.shipped.sha[:12]

    @property
    def styles(self) -> tuple[str, ...]:
        return self.shipped.styles

    @property
    def any_style(self) -> int:
        return len(self.styles)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The installed tables with the words of the weights: a later Danqing may know other words."""
        words = self.shipped.vocabulary
        return Own(
            words=words, names=self.shipped.taught, unlearned=unlearned(words, self.painter.prior.gist.words.weight)
        )

    @cached_property
    def index(self) -> Index:
        """NotFoundError where the painter has none."""
        return read_index(self.folder)

    def read(self, prompt: str) -> Reading:
        """The truth light: which words are known, taken for a near one, ignored."""
        return read(prompt, self.lexicon)

    @cached_property
    def drawn(self) -> Mapping[str, frozenset[str]]:
        """English name of a picture that it learned from -> styles; nothing where it has no index."""
        found: dict[str, set[str]] = {}
        try:
            for one in self.index.entries:
                found.setdefault(one.name_en, set()).add(one.style)
        except NotFoundError:
            return {}
        return {name: frozenset(styles) for name, styles in found.items()}

    def known(self, words: tuple[str, ...]) -> frozenset[str]:
        """The styles in which something was drawn that is called so, in canonical words; none where nothing is.

        Reading all names would take half a second: only those that hold one of the words are looked at.
        """
        like = [name for name in self.drawn if any(word in name.lower() for word in words)]
        return frozenset().union(*(self.drawn[name] for name in like if canonical(self.read(name)) == words))

    @cached_property
    def names(self) -> frozenset[tuple[str, ...]]:
        """What the pictures it learned from are called, in canonical words."""
        return frozenset(words for name in self.drawn if (words := canonical(self.read(name))))

    @cached_property
    def things(self) -> frozenset[str]:
        """The canonical words of these names."""
        return frozenset(token for name in self.names for token in name)

    def style_id(self, name: str) -> int:
        """NotFoundError offers near names."""
        if name == ANY:
            return self.any_style
        if name not in self.styles:
            raise unknown("style", name, [*self.styles, ANY])
        return self.styles.index(name)

    def said(self, reading: Reading, style: int) -> Said:
        """One row, always of the same length, so that no row depends on its neighbours."""
        length = self.painter.prior.config.length
        pairs = reading.tokens[:length]
        tokens, weights = torch.full((1, length), PAD), torch.ones(1, length)
        for place, (token, weight) in enumerate(pairs):
            tokens[0, place], weights[0, place] = self.lexicon.id_of(token), weight
        return Said(tokens, weights, torch.tensor([style]))

    @torch.no_grad()
    def embed(self, seen: Tensor) -> Tensor:
        """(1, 4, S, S) premultiplied in [-1, 1] -> (D,)."""
        return self.painter.embed(efficientnet_lite0(), seen)[0]


def load_painter(model: str | Path | Studio | None = None) -> Studio:
    """The painter of a folder, or the one that comes with Danqing. Loaded once.

    Raises NotFoundError where there is none, BadWeightsError where it is damaged.
    """
    if isinstance(model, Studio):
        return model
    folder = Path(model) if model is not None else shipped_folder()
    return _loaded(folder.resolve(), stamp(folder))


def any_painter(model: Any = None) -> Any:
    """A Studio, or a Pretrained for a folder of diffusers. `model`: a folder, one that was loaded, or None for the
    painter that comes with Danqing.

    Raises NotFoundError, BadInputError, BadWeightsError, MissingExtraError.
    """
    if model is not None and not isinstance(model, (str, Path)):
        return model
    if model is not None and is_pretrained(Path(model)):
        from danqing.api.pretrained import load_pretrained  # it knows this module

        return load_pretrained(Path(model))
    return load_painter(model)


def shipped_folder() -> Path:
    folder = Path(str(resources.files("danqing").joinpath("models", SHIPPED)))
    if not folder.is_dir():
        raise NotFoundError("This Danqing comes without a painter for words yet; name a folder with --model.")
    return folder


def stamp(folder: Path) -> int:
    """Another number for other weights in the same folder."""
    weights = folder if folder.is_file() else folder / "weights.safetensors"
    return weights.stat().st_mtime_ns if weights.exists() else 0


@lru_cache(maxsize=2)
def _loaded(folder: Path, stamp: int) -> Studio:
    return Studio(read_painter(folder), folder)
