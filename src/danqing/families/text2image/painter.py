"""The whole painter: embedder, prior, decoder, codec; every act is a walk between words, embedding and pixels.

words -> imagine -> embedding -> render -> pixels        paint
pixels -> embed -> embedding                             vary, blend, describe, search by likeness
embedding -> revise (noise it, walk back with words) -> embedding
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import max_pool2d, pad

from danqing.families.text2image.codec import Codec, CodecConfig
from danqing.families.text2image.decoder import Asked, Decoder, DecoderConfig
from danqing.families.text2image.embedding import Embedder, look
from danqing.families.text2image.imagining import no_draw, revised, walk
from danqing.families.text2image.losses import gist_of, guided
from danqing.families.text2image.prior import Prior, PriorConfig, Said
from danqing.nn import flow
from danqing.nn.chance import noise
from danqing.nn.efficientnet import EfficientNetLite0
from danqing.samplers.schedules import Flow, times
from danqing.samplers.solvers import euler

Watch = Callable[[float, Callable[[], Tensor]], None]
"""told how far a rendering is, 0 .. 1, and how to see it: (B, 4, S, S) in [-1, 1]; what it raises stops it"""
RIM = 4
"""places of a latent that are decoded beyond an edge that is to meet the opposite one"""


@dataclass(frozen=True)
class Manner:
    """How to walk; the same for every picture of a group."""

    steps: int = 4
    """of the decoder; with `jumps` one of flow.JUMPS"""
    jumps: bool = True
    """the few-step stage's jumps (guidance told), or ordinary steps (asked both ways)"""
    guidance: float = 3.0
    """of the decoder: how strongly pixels follow the embedding"""
    guided_until: float = 0.5
    """the time, 0 (noise) .. 1 (picture), from which on steps that are not the first do without guidance (Kynkäänniemi
    et al., arXiv 2404.07724): within what chance leaves open as good, for three quarters of the work"""
    rough: float = 0.1
    """noise put on the embedding before it is painted, 0 .. 0.4"""
    calm: float = 0.5
    """deviation of the noise that embeddings are imagined from, 1 in training; less makes them typical and alike"""
    doubt: float = 0.7
    """how much of an embedding that was imagined from words the decoder takes for made up, 0 .. 1"""
    prior_steps: int = 6
    prior_guidance: float = 2.0
    """how strongly the embedding follows the words"""
    tile: bool = False
    """the picture's edges meet"""


@dataclass(frozen=True)
class Canvas:
    """A picture to start from; one for all or one per picture."""

    picture: Tensor
    """(B, 4, S, S) premultiplied RGBA in [-1, 1]"""
    strength: float = 0.6
    """0 keeps the picture, 1 forgets it"""
    mask: Tensor | None = None
    """(B, 1, S, S) in [0, 1], 1 where to paint; None paints everywhere"""


class Painter(nn.Module):
    def __init__(self, prior: PriorConfig, decoder: DecoderConfig, codec: CodecConfig) -> None:
        super().__init__()
        self.embedder, self.prior = Embedder(prior.shape), Prior(prior)
        self.decoder, self.codec = Decoder(decoder), Codec(codec)

    @property
    def size(self) -> int:
        """Side of the pictures, pixels."""
        return self.decoder.config.side * self.codec.config.shrink

    # Words -> embedding.

    def imagine(self, said: Said, unsaid: Said, manner: Manner, generators: Sequence[Generator]) -> Tensor:
        """(B, total): what the words are taken for; `unsaid` is what to keep away from (nothing, or negative words)."""
        z = manner.calm * noise(generators, self.prior.config.shape.total)
        return walk(self.prior, z, 0.0, said, unsaid, manner.prior_steps, manner.prior_guidance)

    def revise(
        self, e: Tensor, strength: float, said: Said, unsaid: Said, manner: Manner, generators: Sequence[Generator]
    ) -> Tensor:
        """Embeddings (B, total) led towards the words; `strength` 0 keeps them, 1 imagines anew."""
        fresh, words = manner.calm * noise(generators, e.shape[1]), (said, unsaid)
        return revised(self.prior, e, fresh, strength, *words, manner.prior_steps, manner.prior_guidance)

    # Embedding -> pixels.

    def render(
        self,
        e: Tensor,
        said: Said,
        manner: Manner,
        generators: Sequence[Generator],
        canvas: Canvas | None = None,
        imagined: float | None = None,
        watch: Watch | None = None,
    ) -> Tensor:
        """(B, 4, S, S) in [-1, 1] from embeddings (B, total) and the words they come from, freely or on a canvas.

        `imagined`: how much of the embeddings the prior has made up, from 0 (a picture's own); None for words alone.
        `watch` is told after every step how far it is, and how to see the pictures as they are guessed by then.
        """
        doubt = manner.doubt if imagined is None else imagined
        asked, config = self.asked(e, said, manner, doubt, generators), self.decoder.config
        z = noise(generators, config.channels, config.side, config.side)
        moments = times(manner.steps, 0.0)
        ground = free = None
        if canvas:
            ground = self.codec.encode(canvas.picture).expand(len(e), -1, -1, -1)
            moments = moments[min(manner.steps - 1, round((1 - canvas.strength) * manner.steps)) :]
            z = flow.mixed(ground, z, torch.full((len(e),), float(moments[0])))
            free = None if canvas.mask is None else max_pool2d(canvas.mask, self.codec.config.shrink)
        spans = dict(zip(moments[:-1].tolist(), moments.diff().tolist(), strict=True))

        def denoise(z: Tensor, t: Tensor) -> Tensor:
            late = not manner.jumps and moments[0] < t >= manner.guided_until
            x = self.guess(z, float(t), spans[float(t)], asked, replace(manner, guidance=1.0) if late else manner)
            x = x if ground is None or free is None else torch.lerp(ground, x, free)
            if watch:
                watch((moments.tolist().index(float(t)) + 1) / (len(moments) - 1), partial(self.shown, x))
            return x

        made = self.shown(euler(denoise, z, Flow(), moments, no_draw), manner.tile)
        return made if canvas is None or canvas.mask is None else torch.lerp(canvas.picture, made, canvas.mask)

    def shown(self, z: Tensor, tile: bool = False) -> Tensor:
        """(B, 4, S, S) in [-1, 1] of latents; with `tile` the edges are decoded as neighbours."""
        border = RIM if tile else 0
        wide = pad(z, (border,) * 4, mode="circular")
        cut = border * self.codec.config.shrink
        return self.codec.decode(wide)[:, :, cut : cut + self.size, cut : cut + self.size].clamp(-1, 1)

    def guess(self, z: Tensor, t: float, span: float, asked: Asked, manner: Manner) -> Tensor:
        """The clean latent behind z at time t."""
        side = self.decoder.config.side
        shift = round(t / span) * side * 3 // 8 % side if manner.tile else 0  # another seam at every step
        z = z.roll((shift, shift), (2, 3)) if shift else z
        at, told = torch.full((len(z),), t), torch.full((len(z),), span)
        if manner.jumps:
            x = self.decoder(z, at, told, torch.full_like(at, manner.guidance - 1), asked)
        elif manner.guidance == 1:
            x = self.decoder(z, at, 0 * told, 0 * at, asked)
        else:
            x = guided(self.decoder, z, at, 0 * told, torch.full_like(at, manner.guidance - 1), asked)
        return x.roll((-shift, -shift), (2, 3)) if shift else x

    def asked(self, e: Tensor, said: Said, manner: Manner, imagined: float, generators: Sequence[Generator]) -> Asked:
        """Embeddings roughened as in training."""
        doubt, fresh = torch.full((len(e),), manner.rough + imagined), noise(generators, e.shape[1])
        return Asked(e + manner.rough * fresh, doubt, gist_of(self.prior.gist, said), said.style, torch.ones(len(e)))

    # Pixels -> embedding.

    def embed(self, net: EfficientNetLite0, pictures: Tensor) -> Tensor:
        """(B, total) of (B, 4, H, W) premultiplied RGBA in [-1, 1]."""
        return self.embedder(look(net, pictures, self.embedder.shape.layout))
