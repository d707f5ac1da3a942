"""A new word for a painter that has learned already, from a few pictures; what it knew stays.

    prior, decoder: W0 + B A        (nn/lowrank.py); of the words only the new one's numbers learn
    loss = flow matching on the new pictures  +  ‖new(z, t, old words) - before(z, t, old words)‖²

The second term is on what the painter imagined of old words before it was taught: prior preservation (Ruiz et al.,
DreamBooth, arXiv 2208.12242, eq. 2) with the network before as the teacher (Li and Hoiem, arXiv 1606.09282). No picture
of the old training is needed. The gist of the new word is the mean of what the pictures have beyond their other words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from danqing.data.augmenting import Augment, augment
from danqing.data.clipart.colouring import colour_words
from danqing.data.composing.colouring import colour_word
from danqing.data.composing.painting import paint_as, painted
from danqing.families.text2image.decoder import Decoder
from danqing.families.text2image.gist import Gist
from danqing.families.text2image.imagining import nothing_said, revised, stacked
from danqing.families.text2image.losses import asked_of, noisy_times
from danqing.families.text2image.painter import Manner, Painter
from danqing.families.text2image.pool import AT_ONCE, CALM, LEAST_IMAGINED, WALK
from danqing.families.text2image.prior import Prior, Said
from danqing.images.arrays import to_float, to_uint8
from danqing.nn import flow
from danqing.nn.chance import Chance, derive, generator
from danqing.nn.efficientnet import EfficientNetLite0
from danqing.types import Batch, Now

STYLED = 0.3
"""share of the new pictures whose likest style is told; the others are in any style"""
UNSAID = 0.1
"""share of the old ones that are asked for without words"""
SHRUNK = 1.0
"""pictures' worth of doubt in the new word's gist"""
GUIDANCE = 2.0
"""how strongly the embeddings that the decoder learns from follow the words"""


@dataclass(frozen=True)
class Examples:
    """Pictures with their words, as the parts of a painter see them."""

    embedding: Tensor
    """(N, total)"""
    said: Said
    """N rows"""
    latents: Tensor
    """(N, C, R, R)"""
    imagined: Tensor
    """(N,) how much of the embeddings the prior has made up"""

    def __len__(self) -> int:
        return len(self.embedding)


@dataclass(frozen=True)
class Halves:
    """Batches of new examples (first half) and old ones: a pure function of (seed, step)."""

    new: Examples
    old: Examples
    batch: int
    seed: int

    def at(self, step: int) -> Batch:
        chance = generator("subject", self.seed, step)
        half = self.batch // 2
        parts = [rows_of(which, torch.randint(len(which), (half,), generator=chance)) for which in (self.new, self.old)]
        given = {name: torch.cat([part.given[name] for part in parts]) for name in parts[0].given}
        return Batch(torch.cat([part.pictures for part in parts]), None, given)


def rows_of(examples: Examples, rows: Tensor) -> Batch:
    said = examples.said
    given = {"embedding": examples.embedding, "tokens": said.tokens, "weights": said.weights, "style": said.style,
             "imagined": examples.imagined}  # fmt: skip
    return Batch(examples.latents[rows], None, {name: value[rows] for name, value in given.items()})


def widened(painter: Painter, like: Sequence[int]) -> Painter:
    """A copy that knows one word more, its last; it begins as the mean of the words `like` (ids)."""
    config = replace(painter.prior.config, words=painter.prior.config.words + 1)
    made = Painter(config, painter.decoder.config, painter.codec.config)
    state = {name: value.clone() for name, value in painter.state_dict().items()}
    for name in ("prior.words.weight", "prior.gist.words.weight"):
        table = state[name]
        start = table[list(like)].mean(0) if like else table[2:].mean(0)
        state[name] = torch.cat([table, start[None]])
    made.load_state_dict(state)
    return made


@torch.no_grad()
def fit_gist(gist: Gist, word: int, new: Examples) -> None:
    """The new word's part of the linear guess: the mean of what the pictures have beyond their other words."""
    gist.words.weight[word] = 0
    said = new.said
    rest = new.embedding - gist(said.tokens, said.weights, said.style)
    gist.words.weight[word] = rest.sum(0) / (len(new) + SHRUNK)


def subject_prior_loss(prior: Prior, before: Prior, batch: Batch, now: Now) -> Tensor:
    """Velocity error on the new half, distance to what was on the old half."""
    e, rows = batch.given["embedding"], len(batch.given["embedding"])
    half = rows // 2
    t = noisy_times(now.chance, rows)
    z = flow.mixed(e, now.chance.normal_like(e), t)
    new = torch.arange(rows, device=e.device) < half
    told = now.chance.keep(STYLED, rows) | ~new
    kept = new | now.chance.keep(1 - UNSAID, rows)
    style = torch.where(told & kept, batch.given["style"], prior.config.styles)
    said = Said(batch.given["tokens"] * kept[:, None], batch.given["weights"], style)
    guess = prior(z, t, said)
    with torch.no_grad():
        was = before(z[half:], t[half:], Said(said.tokens[half:], said.weights[half:], said.style[half:]))
    error = flow.velocity_error(guess, torch.cat([e[:half], was]), t)
    return halves(error, now)


def subject_decoder_loss(decoder: Decoder, before: Decoder, gist: Gist, batch: Batch, now: Now) -> Tensor:
    """The same of the decoder, on latents."""
    x, rows = batch.pictures, len(batch.pictures)
    half = rows // 2
    t = torch.sigmoid(now.chance.normal(rows) - 0.8)
    z, nothing = flow.mixed(x, now.chance.normal_like(x), t), torch.zeros_like(t)
    asked = asked_of(decoder, gist, batch, now)
    guess = decoder(z, t, nothing, nothing, asked)
    known = asked.known[:, None, None, None] > 0
    with torch.no_grad():
        was = before(z, t, nothing, nothing, asked)
    new = (torch.arange(rows, device=x.device) < half)[:, None, None, None]
    return halves(flow.velocity_error(guess, torch.where(new & known, x, was), t), now)


def halves(error: Tensor, now: Now) -> Tensor:
    """Both count alike; each is told."""
    new, old = error.chunk(2)
    now.notes.update(new=new.detach().mean(), old=old.detach().mean())
    return error.mean()


# What is learned from.

MOVED = Augment(rotate=6.0, scale=0.12, translate=0.05, probability=0.9)
"""how the new pictures are moved about"""
RIM = 16
"""transparent pixels around a picture while it is moved"""


def moved(squares: Tensor, seed: int) -> Tensor:
    """(N, 4, S, S) premultiplied in [-1, 1], most of them moved a little."""
    return augment(pad(squares, (RIM,) * 4, value=-1.0), MOVED, Chance("moved", seed))[:, :, RIM:-RIM, RIM:-RIM]


def tinted(square: Tensor, seed: int) -> tuple[Tensor, str] | None:
    """(4, S, S) premultiplied in [-1, 1] in another colour, and its word; None where no one colour rules."""
    rgba, rng = to_uint8(square[None])[0].permute(1, 2, 0).numpy(), np.random.default_rng(derive("tinted", seed))
    word = colour_word(rng, tuple(colour_words(rgba))[:1])
    found = paint_as(rgba, word, rng)
    return None if found is None else (to_float(torch.from_numpy(painted(rgba, found)).permute(2, 0, 1)), word)


@torch.no_grad()
def seen(painter: Painter, net: EfficientNetLite0, pictures: Tensor, said: Said) -> Examples:
    """Examples of (N, 4, S, S)."""
    latents = torch.cat([painter.codec.encode(some) for some in pictures.split(AT_ONCE)])
    return Examples(embedded(painter, net, pictures), said, latents, torch.zeros(len(pictures)))


@torch.no_grad()
def embedded(painter: Painter, net: EfficientNetLite0, pictures: Tensor) -> Tensor:
    """(N, total) of (N, 4, S, S)."""
    return torch.cat([painter.embed(net, some) for some in pictures.split(AT_ONCE)])


@torch.no_grad()
def recalled(painter: Painter, said: Said, manner: Manner, seed: int) -> Iterator[Examples]:
    """What a painter makes of words that it knows, AT_ONCE rows at a time."""
    for place, some in enumerate(parted(said)):
        chance = [generator("recalled", seed, place, row) for row in range(len(some.style))]
        e = painter.imagine(some, nothing_said(some, painter.prior.config.styles), manner, chance)
        latents = painter.codec.encode(painter.render(e, some, manner, chance))
        yield Examples(e, some, latents, torch.full((len(e),), manner.doubt))


@torch.no_grad()
def imagined(prior: Prior, new: Examples, seed: int) -> Examples:
    """The examples, and again with embeddings as the prior imagines them, which the decoder is to forgive."""
    made, shares = [], []
    rows = torch.arange(len(new)).split(AT_ONCE)
    for place, (some, said) in enumerate(zip(rows, parted(new.said), strict=True)):
        chance = generator("imagined", seed, place)
        one, two = torch.rand(2, generator=chance).tolist()
        strength, calm = LEAST_IMAGINED + one * (1 - LEAST_IMAGINED), CALM[0] + two * (CALM[1] - CALM[0])
        free = replace(said, style=torch.full_like(said.style, prior.config.styles))
        e, unsaid = new.embedding[some], nothing_said(said, prior.config.styles)
        noise = calm * torch.randn(e.shape, generator=chance)
        made.append(revised(prior, e, noise, strength, free, unsaid, max(2, round(WALK * strength)), GUIDANCE))
        shares.append(torch.full((len(e),), strength))
    return Examples(torch.cat([new.embedding, *made]), stacked([new.said] * 2), torch.cat([new.latents] * 2),
                    torch.cat([new.imagined, *shares]))  # fmt: skip


def parted(said: Said) -> list[Said]:
    """AT_ONCE rows at a time."""
    return [Said(*rows) for rows in zip(*(getattr(said, f.name).split(AT_ONCE) for f in fields(Said)), strict=True)]


def together(parts: Sequence[Examples]) -> Examples:
    one = {name: torch.cat([getattr(part, name) for part in parts]) for name in ("embedding", "latents", "imagined")}
    return Examples(one["embedding"], stacked([part.said for part in parts]), one["latents"], one["imagined"])
