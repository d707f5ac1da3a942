"""What the prior and the decoder are trained on: flow matching, and for the decoder jumps in few steps."""

from dataclasses import replace

import torch
from torch import Tensor

from danqing.families.text2image.codec import Codec
from danqing.families.text2image.decoder import ROUGHEST, Asked, Decoder
from danqing.families.text2image.gist import Gist
from danqing.families.text2image.prior import STYLED, Prior, Said
from danqing.nn import flow
from danqing.nn.chance import Chance
from danqing.types import Batch, Now

SPOKEN = 0.7
"""share of the pictures whose words the decoder is told"""
GUIDANCE = (1.0, 4.0)
"""the few-step stage learns to paint as if guided by something in this range"""


def prior_loss(prior: Prior, batch: Batch, now: Now) -> Tensor:
    """Velocity error on embeddings; some captions are left out."""
    x, rows = batch.given["embedding"], len(batch.given["embedding"])
    t = noisy_times(now.chance, rows)
    z = flow.mixed(x, now.chance.normal_like(x), t)
    kept = now.chance.keep(1 - prior.config.drop, rows)
    style = torch.where(now.chance.keep(STYLED, rows) & kept, batch.given["style"], prior.config.styles)
    guess = prior(z, t, Said(batch.given["tokens"] * kept[:, None], batch.given["weights"], style))
    return flow.velocity_error(guess, x, t).mean()


def noisy_times(chance: Chance, rows: int) -> Tensor:
    """(rows,) t = sigmoid(N(-1, 1.2)): it is in noise that words decide what a picture shows."""
    return torch.sigmoid(chance.normal(rows) * 1.2 - 1.0)


def codec_loss(codec: Codec, batch: Batch, now: Now) -> Tensor:
    """Mean absolute error of pictures and of their steps from pixel to pixel (edges), latents roughened at random."""
    x, chance = batch.pictures, now.chance
    z = codec.encode(x)
    made = codec.decode(z + flow.over(chance.uniform(len(x)) * codec.config.rough, z) * chance.normal_like(z))
    edges = [(made.diff(dim=d) - x.diff(dim=d)).abs().mean() for d in (2, 3)]
    now.notes["error"] = (made.detach() - x).abs().mean()
    return (made - x).abs().mean() + edges[0] + edges[1]


def asked_of(decoder: Decoder, gist: Gist, batch: Batch, now: Now) -> Asked:
    """The embeddings of a batch, some imagined, noised and some left out, as the decoder is to expect them."""
    e, given, rows = batch.given["embedding"], batch.given, len(batch.given["embedding"])
    rough = now.chance.uniform(rows) * ROUGHEST
    known = now.chance.keep(1 - decoder.config.drop, rows)
    style = torch.where(now.chance.keep(STYLED, rows) & known, given["style"], decoder.config.styles)
    spoken = now.chance.keep(SPOKEN, rows)[:, None]
    said = gist_of(gist, Said(given["tokens"] * spoken, given["weights"], style))
    return Asked(e + rough[:, None] * now.chance.normal_like(e), rough + given["imagined"], said, style, known.float())


@torch.no_grad()
def gist_of(gist: Gist, said: Said) -> Tensor:
    """(B, total): what words lead to expect, 0 where there are none."""
    return gist(said.tokens, said.weights, said.style) * (said.tokens != 0).any(1)[:, None]


def decoder_loss(decoder: Decoder, gist: Gist, batch: Batch, now: Now) -> Tensor:
    """Velocity error on latents, t = sigmoid(N(-0.8, 1.0)): noisy times decide what is painted (arXiv 2511.13720)."""
    x, rows = batch.pictures, len(batch.pictures)
    t = torch.sigmoid(now.chance.normal(rows) - 0.8)
    z = flow.mixed(x, now.chance.normal_like(x), t)
    nothing = torch.zeros_like(t)
    guess = decoder(z, t, nothing, nothing, asked_of(decoder, gist, batch, now))
    return flow.velocity_error(guess, x, t).mean()


def guided(decoder: Decoder, z: Tensor, t: Tensor, told: Tensor, guide: Tensor, asked: Asked) -> Tensor:
    """The clean latent under guidance 1 + guide, asked both ways: free + (1 + guide) (x - free)."""
    nothing = torch.zeros_like(t)
    x = decoder(z, t, told, nothing, asked)
    free = decoder(z, t, told, nothing, replace(asked, known=0 * asked.known))
    return free + flow.over(1 + guide, x) * (x - free)


def jump_loss(decoder: Decoder, gist: Gist, batch: Batch, now: Now) -> Tensor:
    """One guided jump must land where two half jumps land (shortcut models, arXiv 2410.12557, eq. 4).

    The guidance is told as an input (arXiv 2210.03142); the shortest half jumps are ordinary steps, asked both ways.
    Half of the batch goes on with the flow loss.
    """
    x, rows = batch.pictures[1::2], len(batch.pictures[1::2])
    mine = Batch(x, None, {name: value[1::2] for name, value in batch.given.items()})
    rest = Batch(batch.pictures[::2], None, {name: value[::2] for name, value in batch.given.items()})
    asked = asked_of(decoder, gist, mine, now)
    asked = replace(asked, known=torch.ones_like(asked.known))
    jumps = torch.tensor(flow.JUMPS, device=x.device)[now.chance.integers(len(flow.JUMPS), rows)]
    guide = now.chance.uniform(rows) * (GUIDANCE[1] - GUIDANCE[0])
    t, span, told = flow.jump_plan(jumps, now.chance.uniform(rows))
    z = flow.mixed(x, now.chance.normal_like(x), t)
    with torch.no_grad():
        middle = flow.stepped(z, teacher(decoder, z, t, told, guide, asked), t, span / 2)
        target = flow.stepped(
            middle, teacher(decoder, middle, t + span / 2, told, guide, asked), t + span / 2, span / 2
        )
    landed = flow.stepped(z, decoder(z, t, span, guide, asked), t, span)
    error = ((landed - target) ** 2).flatten(1).mean(1) / span**2
    now.notes["jump"] = error.detach().mean()
    return decoder_loss(decoder, gist, rest, now) + error.mean()


def teacher(decoder: Decoder, z: Tensor, t: Tensor, told: Tensor, guide: Tensor, asked: Asked) -> Tensor:
    """The clean latent for a half jump: a learned jump where one is told, an ordinary guided step elsewhere."""
    slow = guided(decoder, z, t, torch.zeros_like(told), guide, asked)
    fast = decoder(z, t, told, guide, asked)
    return torch.where(flow.over(told, z) > 0, fast, slow)
