"""One picture at a time by a pipeline of diffusers: so that it is the same alone and among others."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from danqing.errors import BadInputError, UsageError
from danqing.families.pretrained import unclip
from danqing.families.pretrained.dressing import Dressed
from danqing.families.pretrained.encoding import Said
from danqing.families.pretrained.opening import quiet
from danqing.families.pretrained.samplers import scheduler
from danqing.nn.chance import generator

CROSSED = "KandinskyV22Img2ImgCombinedPipeline"
"""takes the picture's width for its height (diffusers 0.42)"""
WHOLE = 1024 * 1024
"""pixels of the largest picture that is decoded in one piece: 1.9 GB of memory in bf16 (AutoencoderKL), else 1.0"""
Step = Callable[[float], None]
"""told after every step how far the picture is, 0 .. 1; what it raises stops the work"""


@dataclass(frozen=True, eq=False)
class Shot:
    """What is wanted of a pipeline for one picture."""

    said: Said
    seed: int
    size: tuple[int, int]
    """width, height"""
    steps: int
    guidance: float
    sampler: str | None
    image: Tensor | None = None
    """(1, 3, H, W) in [0, 1]"""
    mask: Tensor | None = None
    """(1, 1, H, W) 1 where to paint"""
    strength: float = 1.0
    tile: bool = False
    control: Tensor | None = None
    """(1, 3, H, W) in [0, 1]: what a ControlNet is led by"""
    control_strength: float = 1.0
    seen: Image.Image | None = None
    """what an IP-Adapter looks at"""
    embedding: Tensor | None = None
    """(1, D) what is painted instead of the words, by a model that has embeddings (unclip.py)"""

    @property
    def task(self) -> str:
        return "text" if self.image is None else "image" if self.mask is None else "inpaint"


@dataclass(frozen=True)
class Developed:
    picture: Tensor
    """(3, H, W) in [-1, 1]"""
    flagged: bool
    """the model's safety checker has blackened it"""


@torch.no_grad()
def develop(model: Dressed, shot: Shot, on_step: Step | None = None) -> Developed:
    """Raises UsageError where memory does not suffice."""
    pipeline = model.for_task(shot.task)
    pipeline = pipeline if shot.embedding is None else pipeline.decoder_pipe
    give(pipeline, scheduler(model.opened.pipeline, shot.sampler))
    wishes = arguments(pipeline, shot, on_step)
    if shot.embedding is not None:
        wishes |= unclip.wishes(model.opened, shot.embedding)
    try:
        with quiet(), tiled(pipeline, shot.tile), in_pieces(pipeline, shot):
            out = pipeline(**wishes)
    except MemoryError:
        raise no_memory(shot) from None
    except (RuntimeError, AttributeError, ValueError) as error:
        if "memory" in str(error).lower():
            raise no_memory(shot) from None
        if not model.worn:
            raise
        reason = str(error).strip().split("\n")[0][:160]
        raise BadInputError(f"{model.worn} does not go with {model.opened.path.name} ({reason}).") from None
    found = getattr(out, "nsfw_content_detected", None)
    return Developed(out.images[0].float().cpu() * 2 - 1, bool(found and found[0]))


def give(pipeline: Any, one: Any) -> None:
    """The scheduler to a pipeline, or to the decoder inside it."""
    pipeline.scheduler = one
    inner = getattr(pipeline, "decoder_pipe", None)
    if inner is not None:
        inner.scheduler = one


def no_memory(shot: Shot) -> UsageError:
    wide, high = shot.size
    return UsageError(f"{wide} x {high} pixels need more memory than is free; choose a smaller --size.")


def arguments(pipeline: Any, shot: Shot, on_step: Step | None) -> dict[str, Any]:
    """What the pipeline takes of what is wanted."""
    wide, high = reversed(shot.size) if type(pipeline).__name__ == CROSSED else shot.size
    steps = whole_steps(shot)
    wanted: dict[str, Any] = {
        **shot.said.wishes, "num_inference_steps": steps, "guidance_scale": shot.guidance, "width": wide,
        "height": high, "generator": generator("picture", shot.seed), "output_type": "pt",
    }  # fmt: skip
    if shot.image is not None:
        wanted |= {"image": shot.image, "strength": shot.strength}
    if shot.mask is not None:
        wanted |= {"mask_image": shot.mask}
    takes = inspect.signature(pipeline.__call__).parameters
    if shot.control is not None:
        leads = "control_image" if "control_image" in takes else "image"
        wanted |= {leads: shot.control, "controlnet_conditioning_scale": shot.control_strength}
    if shot.seen is not None:
        wanted["ip_adapter_image"] = shot.seen
    if on_step:
        told = on_step
        count = max(1, round(steps * shot.strength) if shot.image is not None else steps)

        def follow(_: Any, number: int, __: Any, given: dict[str, Any]) -> dict[str, Any]:
            told(min(1.0, (number + 1) / count))
            return given

        wanted["callback_on_step_end"] = follow
    return {name: value for name, value in wanted.items() if name in takes}


def whole_steps(shot: Shot) -> int:
    """Of a picture to start from only `strength` of the steps are taken: so many that at least one is."""
    return shot.steps if shot.image is None else max(shot.steps, -int(-1 // max(shot.strength, 0.01)))


@contextmanager
def in_pieces(pipeline: Any, shot: Shot) -> Iterator[None]:
    """The latents of large pictures are decoded in overlapping pieces, by size alone: the same on every machine.

    Attention needs no slices: PyTorch's own never holds a whole matrix of places by places.
    """
    vae: Any = getattr(pipeline, "vae", None)
    large = hasattr(vae, "enable_tiling") and shot.size[0] * shot.size[1] > WHOLE and not shot.tile
    if large:
        vae.enable_tiling()
    try:
        yield
    finally:
        if large:
            vae.disable_tiling()


def can_tile(pipeline: Any) -> bool:
    """Whether its network is convolutional."""
    return getattr(pipeline, "unet", None) is not None


@contextmanager
def tiled(pipeline: Any, wanted: bool) -> Iterator[None]:
    """Edges that meet: every convolution sees the picture go on at its other side."""
    layers = [
        layer
        for name in ("unet", "vae", "movq")
        for layer in (getattr(pipeline, name, None) or nn.Module()).modules()
        if wanted and isinstance(layer, nn.Conv2d) and layer.padding != (0, 0)
    ]
    before = [(layer.padding_mode, layer._reversed_padding_repeated_twice) for layer in layers]
    for layer in layers:
        high, wide = map(int, layer.padding)
        layer.padding_mode, layer._reversed_padding_repeated_twice = "circular", [wide, wide, high, high]
    try:
        yield
    finally:
        for layer, (mode, repeated) in zip(layers, before, strict=True):
            layer.padding_mode, layer._reversed_padding_repeated_twice = mode, repeated
