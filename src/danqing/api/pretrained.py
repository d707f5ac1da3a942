"""Stable Diffusion and its kin under the same commands: what a commission means for a model of diffusers."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from inspect import signature
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from danqing.api.commissions import STRENGTH, Commission, weighted
from danqing.api.materials import Material, blended, grown
from danqing.api.orders import mixture, orders
from danqing.api.painting import check_count
from danqing.api.texttopicture import Done, Sketch, fulfilled, restyled
from danqing.errors import UsageError, unknown
from danqing.families.pretrained import unclip
from danqing.families.pretrained.dressing import Dress, check_engine, dressed
from danqing.families.pretrained.encoding import Said, plain, said
from danqing.families.pretrained.fingerprints import DECIDES, fingerprint
from danqing.families.pretrained.hints import HINTS
from danqing.families.pretrained.opening import PRETRAINED, Opened
from danqing.families.pretrained.painting import Shot, can_tile, develop
from danqing.families.pretrained.samplers import Usual, scheduler, usual
from danqing.families.pretrained.single import open_model
from danqing.families.pretrained.unclip import has_embedding
from danqing.home import PARTS, part_place
from danqing.images.alpha import flat
from danqing.images.arrays import to_uint8
from danqing.limits import LARGEST
from danqing.nn.chance import generator
from danqing.nn.precision import best_device, painting
from danqing.types import Picture, Progress, Recipe
from danqing.version import __version__
from danqing.words.reading import Reading

LOADED: dict[tuple[Path, float, str], "Pretrained"] = {}
"""at most one"""
OWN_SAMPLER = "own"
"""the sampler a model was saved with, so that a recipe does not depend on defaults"""
LEAST = 0.01
"""strength; at 0 there would be nothing to do"""


@dataclass(frozen=True, eq=False)
class Pretrained:
    """What `load_pretrained` gives; kept for the next call."""

    opened: Opened
    name: str
    hash: str
    """first 12 hex digits of the sha256 of the weights"""
    busy: RLock = field(default_factory=RLock)
    """held while a picture is painted: what is put on for it is nobody else's"""

    def read(self, prompt: str) -> Reading:
        """Such a model does not say which words it knows."""
        return Reading(())

    @property
    def usual(self) -> Usual:
        return usual(self.opened.pipeline, self.name)


@dataclass(frozen=True, eq=False)
class Ground:
    """A picture to start from or to paint into, at the size it is painted at."""

    image: Tensor
    """(1, 3, H, W) in [0, 1]"""
    mask: Tensor | None
    """(1, 1, H, W)"""
    base: np.ndarray | None = None
    """(H, W, 3) at its own size: what is kept where `share` is 0"""
    share: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Plate:
    """One picture that is wanted."""

    dress: Dress
    """what is put on the model for it"""
    seed: int
    commission: Commission
    recipe: Recipe
    size: tuple[int, int]
    """width, height it is painted at"""
    ground: Ground | None
    scene: None = None


def load_pretrained(path: Path) -> Pretrained:
    """The model of a folder or of one file. Loaded once; the last one is kept. Raises what `open_folder` raises."""
    key = (path.resolve(), stamp(path), painting(best_device()))
    if key not in LOADED:
        LOADED.clear()  # before the next one is opened: there may be room for one alone
        name = path.stem if path.is_file() else path.name
        LOADED[key] = Pretrained(open_model(path, key[2], best_device()), name, fingerprint(path)[:12])
    return LOADED[key]


def stamp(path: Path) -> float:
    """Another number for other files in the same place."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.suffix in DECIDES]
    return sum(file.stat().st_mtime_ns for file in files)


@orders.register
def orders_of_pretrained(studio: Pretrained, commission: Commission, n: int, seed: int) -> list[Plate]:
    check_count(n, seed)
    check(studio, commission)
    dress = dress_of(commission)
    check_engine(dress)
    size, ground = ground_of(studio.opened, commission)
    return [Plate(dress, one, commission, recipe_of(studio, commission, dress, one, size, ground), size, ground)
            for one in range(seed, seed + n)]  # fmt: skip


def dress_of(commission: Commission) -> Dress:
    """NotFoundError for a file that is not there."""
    loras = [weighted(one) for one in commission.loras]
    one_of: dict[str, Any] = {name: part_place(value) for name in PARTS if (value := getattr(commission, name))}
    return Dress(
        tuple((part_place(path), 1.0 if weight is None else weight) for path, weight in loras),
        tuple(map(part_place, commission.embeddings)),
        engine=commission.engine,
        **one_of,
    )


def check(studio: Pretrained, commission: Commission) -> None:
    """UsageError for what such a model does not do; NotFoundError for a sampler there is not."""
    asked = {
        "style": commission.style, "transparent": commission.transparent, "chaos": commission.chaos,
        "add": commission.add, "tries": commission.tries is not None and commission.tries > 1,
        "style-ref": commission.style_ref and not commission.adapter,
        "image-prompt": commission.act == "paint" and commission.pictures and not commission.adapter
        and not has_embedding(studio.opened),
    }  # fmt: skip
    for name, value in asked.items():
        if value:
            more = ", or give an --adapter that sees" if name in ("style-ref", "image-prompt") else ""
            raise UsageError(f"A pretrained model does not heed --{name}; leave it out{more}.")
    if commission.tile and not can_tile(studio.opened.pipeline):
        raise UsageError(f"A {studio.opened.kind} cannot paint edges that meet; leave --tile out.")
    if (len(commission.pictures) > 1 and not mixed(studio.opened, commission)) or (
        commission.pictures and commission.image
    ):
        raise UsageError(f"A {studio.opened.kind} cannot blend pictures; give one picture, or leave --model out.")
    if commission.tile and commission.engine:
        raise UsageError("The engine openvino cannot paint edges that meet; leave --tile or --engine out.")
    if commission.negative and not heeds_negative(studio, commission):
        raise UsageError(
            f"{studio.name} heeds no --negative at a guidance of {guidance_of(studio, commission):g}; leave it out"
            + ("." if guidance_of(studio, commission) > 1 else ", or give a --guidance above 1.")
        )
    if commission.control_kind not in HINTS:
        raise unknown("control kind", commission.control_kind, HINTS)
    scheduler(studio.opened.pipeline, sampler_of(studio, commission))
    studio.opened.for_task(task_of(studio.opened, commission))


def heeds_negative(studio: Pretrained, commission: Commission) -> bool:
    """Models that learned their guidance (FLUX) are asked once, as all are without guidance."""
    embedded = "true_cfg_scale" in signature(studio.opened.pipeline.__call__).parameters
    return guidance_of(studio, commission) > 1 and not embedded


def mixed(opened: Opened, commission: Commission) -> bool:
    """Whether pictures are taken up through their embeddings."""
    return bool(commission.pictures) and not commission.adapter and has_embedding(opened)


def begun_with(opened: Opened, commission: Commission) -> Material | None:
    """The picture to start from: an image, or the one that is to be varied by a model that sees no other way."""
    varied = commission.act == "vary" and not commission.adapter and not mixed(opened, commission)
    return commission.image or (commission.pictures[0] if varied and commission.pictures else None)


def task_of(opened: Opened, commission: Commission) -> str:
    if commission.mask or commission.extend:
        return "inpaint"
    return "image" if begun_with(opened, commission) else "text"


def sampler_of(studio: Pretrained, commission: Commission) -> str | None:
    """None is the one the model was saved with."""
    asked = commission.sampler or studio.usual.sampler
    return None if asked == OWN_SAMPLER else asked


def steps_of(studio: Pretrained, commission: Commission) -> int:
    return commission.steps or studio.usual.steps


def guidance_of(studio: Pretrained, commission: Commission) -> float:
    return studio.usual.guidance if commission.guidance is None else commission.guidance


def strength_of(opened: Opened, commission: Commission) -> float:
    """How far the picture is forgotten: as for Danqing's own painter."""
    if begun_with(opened, commission) is not commission.image:
        return max(LEAST, commission.revision)
    usual = 1.0 if commission.mask or commission.extend else STRENGTH
    return max(LEAST, usual if commission.strength is None else commission.strength)


def ground_of(opened: Opened, commission: Commission) -> tuple[tuple[int, int], Ground | None]:
    """The size that is painted at, and the picture to begin with."""
    image = begun_with(opened, commission)
    if image is None:
        return checked(opened, wanted_size(opened, commission)), None
    if not (commission.mask or commission.extend):
        size = fitted(opened, commission, image.size)
        return size, Ground(scaled(flat(image.rgba), size), None)
    base, share = grown(image, commission.mask, commission.extend)
    size = fitted(opened, commission, (base.shape[1], base.shape[0]))
    mask = torch.from_numpy(resized_share(share, size))[None, None]
    return size, Ground(scaled(flat(base), size), (mask > 0).float(), flat(base), share)


def wanted_size(opened: Opened, commission: Commission) -> tuple[int, int]:
    sides = str(commission.size or opened.side).split("x")
    return int(sides[0]), int(sides[-1])


def checked(opened: Opened, size: tuple[int, int]) -> tuple[int, int]:
    """UsageError for a size the model has no latents of; the nearest it has is offered."""
    near = [rounded(side, opened) for side in size]
    if list(size) != near:
        wide, high = near
        raise UsageError(f"{size[0]} x {size[1]} pixels do not go; choose {wide}x{high}, or another multiple of "
                         f"{unit(opened)} up to {LARGEST}.")  # fmt: skip
    return size


def unit(opened: Opened) -> int:
    """Pixels that a side is a multiple of; transformers fold two latents into one."""
    return opened.fold * (2 if getattr(opened.pipeline, "transformer", None) is not None else 1)


def rounded(side: float, opened: Opened) -> int:
    step = unit(opened)
    return min(max(step * 4, round(side / step) * step), LARGEST // step * step)


def fitted(opened: Opened, commission: Commission, size: tuple[int, int]) -> tuple[int, int]:
    """The proportions of a picture, with as many pixels as are asked for."""
    wide, high = wanted_size(opened, commission)
    scale = (wide * high / (size[0] * size[1])) ** 0.5
    return rounded(size[0] * scale, opened), rounded(size[1] * scale, opened)


def scaled(rgb: np.ndarray, size: tuple[int, int]) -> Tensor:
    """(H, W, 3) uint8 -> (1, 3, height, width) in [0, 1]."""
    small = Image.fromarray(np.ascontiguousarray(rgb)).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return torch.from_numpy(np.array(small)).permute(2, 0, 1)[None].float() / 255


def resized_share(share: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.array(Image.fromarray(share[..., 0]).resize(size, Image.Resampling.BOX))


def recipe_of(
    studio: Pretrained,
    commission: Commission,
    dress: Dress,
    seed: int,
    size: tuple[int, int],
    ground: Ground | None,
) -> Recipe:
    extra = commission.plain() | {"precision": studio.opened.precision}
    if dress.files:
        extra["parts"] = [[path.name, fingerprint(path)[:12]] for path in dress.files]
    for name in ("layers", "tries"):
        extra.pop(name, None)
    own = ground is not None and ground.base is not None
    shown = (ground.base.shape[1], ground.base.shape[0]) if own and ground and ground.base is not None else size
    sampler = sampler_of(studio, commission) or type(studio.opened.pipeline.scheduler).__name__
    extra["sampler"] = sampler_of(studio, commission) or OWN_SAMPLER
    steps, guidance = steps_of(studio, commission), guidance_of(studio, commission)
    return Recipe(studio.name, studio.hash, PRETRAINED, seed, shown, None, sampler, steps, guidance, __version__, extra,
                  commission.prompt, commission.negative)  # fmt: skip


@fulfilled.register
def fulfilled_by_pretrained(
    studio: Pretrained, wanted: Sequence[Plate], done: Done, name: str = "paint", sketch: Sketch | None = None
) -> Generator[Progress, None, int]:
    """One after the other: no picture depends on its neighbours."""
    known: Known = {}
    for place, plate in enumerate(wanted):

        def on_step(share: float, place: int = place) -> None:
            if sketch:
                sketch((place + share) / len(wanted), dict)

        with studio.busy, dressed(studio.opened, plate.dress) as model:
            made = develop(model, shot_of(studio, plate, known), on_step)
        pixels = restyled(laid_back(made.picture, plate.ground), plate.commission.then, plate.seed)
        done(place, Picture(pixels, plate.recipe))
        told = f"The model's safety checker has blackened the picture of seed {plate.seed}."
        yield Progress(name, (place + 1) / len(wanted), place + 1, message=told if made.flagged else "")
    return len(wanted)


Known = dict[tuple[Dress, str, str, bool], Said]
"""words that were read, by what was put on the model then"""


def shot_of(studio: Pretrained, plate: Plate, known: Known) -> Shot:
    asked, ground = plate.commission, plate.ground
    guidance = guidance_of(studio, asked)
    words = (plate.dress, asked.prompt, asked.negative, guidance > 1)
    if words not in known:
        known[words] = said(studio.opened.pipeline, *words[1:])
    control = None
    if asked.control:
        control = scaled(HINTS[asked.control_kind](np.ascontiguousarray(flat(asked.control.rgba))), plate.size)
    shown = asked.style_ref or next(iter(asked.pictures), None)
    seen = Image.fromarray(np.ascontiguousarray(flat(shown.rgba))) if shown and asked.adapter else None
    return Shot(
        known[words], plate.seed, plate.size, steps_of(studio, asked), guidance, sampler_of(studio, asked),
        ground.image if ground else None, ground.mask if ground else None, strength_of(studio.opened, asked),
        asked.tile, control, asked.control_strength, seen, embedding_of(studio.opened, plate),
    )  # fmt: skip


def embedding_of(opened: Opened, plate: Plate) -> Tensor | None:
    """(1, D) between the pictures whose content is taken up, led by the words; None where there are none."""
    asked = plate.commission
    if not mixed(opened, asked):
        return None
    seen = [Image.fromarray(np.ascontiguousarray(flat(one.rgba))) for one in asked.pictures]
    e = mixture(list(unclip.embedded(opened, seen)), asked.weights or [1.0] * len(seen))[None]
    words = plain(asked.prompt), plain(asked.negative)
    return unclip.revised(opened, e, asked.revision, *words, generator("picture", plate.seed, "words"))


def laid_back(picture: Tensor, ground: Ground | None) -> np.ndarray:
    """(3, H, W) in [-1, 1] -> (H, W, 3) uint8; what is painted into is kept to the last bit where the mask is black."""
    made = np.ascontiguousarray(to_uint8(picture[None])[0].permute(1, 2, 0).numpy())
    if ground is None or ground.base is None or ground.share is None:
        return made
    size = (ground.base.shape[1], ground.base.shape[0])
    full = np.asarray(Image.fromarray(made).resize(size, Image.Resampling.LANCZOS))
    return np.where(ground.share > 0, blended(ground.base, full, ground.share), ground.base)
