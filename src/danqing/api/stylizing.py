"""A picture in the manner of others."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.functional import interpolate

from danqing import settings
from danqing.api.act import act, shared
from danqing.errors import UsageError, unknown
from danqing.evaluate.shipped import vgg19
from danqing.families.style import looks
from danqing.families.style.colours import KEEPINGS, RECOLOURINGS, with_colours_of
from danqing.families.style.eyes import Eyes
from danqing.families.style.network import FastPainter, Still
from danqing.families.style.objective import Exemplar, Region
from danqing.families.style.optimise import Job, optimise, resized
from danqing.families.style.painting import stylized
from danqing.families.style.settings import GatysConfig
from danqing.families.style.shipping import read_styler, shipped_styler
from danqing.families.style.taught import Taught, read_taught
from danqing.home import taught_file, taught_names
from danqing.images.arrays import to_arrays, to_floats
from danqing.images.films import redrawn
from danqing.images.reading import BadPictureError, read_rgba
from danqing.images.resizing import fit_square
from danqing.nn.chance import picture_generators
from danqing.types import Picture, Progress, Recipe
from danqing.version import __version__

SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
"""of picture files, where a folder is read"""
SIZE = 512
"""longest side of a result in pixels, where none is given"""
LEAST, MOST = 16, 8192
"""sides that are possible"""
KEPT = 1024
"""longest side of the files of styles that are kept in memory"""
STRONGEST = 2.0

ENGINES = ("fast", "gatys")
FRAME_STEPS = 12
"""of the optimiser on every frame of a film but the first"""

Look = str | Path | np.ndarray | Image.Image
"""a picture (file, pixels, or one of Pillow's), or a manner that comes with Danqing, by name"""


WANTED = ("strength", "keep_colours", "brush", "size")


@dataclass(frozen=True)
class Wanted:
    """How a picture is to be stylized, besides in whose manner."""

    strength: float = 1.0
    """0 hardly changes the picture, 1 paints it anew, 2 keeps little of it"""
    keep_colours: str | None = None
    """luminance, recolour or histogram; None takes the style's colours"""
    brush: float = 1.0
    """size of the strokes"""
    size: int | None = SIZE
    """longest side of the result, None for the picture's own"""

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= STRONGEST:
            raise UsageError(f"A strength of {self.strength:g} is not possible; choose 0 to {STRONGEST:g}.")
        if not 0.1 <= self.brush <= 4:
            raise UsageError(f"A brush of {self.brush:g} is not possible; choose 0.1 (fine) to 4 (coarse).")
        if self.keep_colours is not None and self.keep_colours not in KEEPINGS:
            raise unknown("way to keep colours", self.keep_colours, KEEPINGS)
        if self.size is not None and not LEAST <= self.size <= MOST:
            raise UsageError(f"A size of {self.size} pixels is not possible; choose {LEAST} to {MOST}.")


class Wishes(TypedDict, total=False):
    """What `stylize` heeds; what is left out is as said here."""

    weights: Sequence[float] | None
    """of the styles, >= 0; equal if not given"""
    masks: Sequence[Look] | None
    """a grey picture for each style: white where that style is wanted; without masks all styles are mixed"""
    strength: float
    """0 hardly changes the picture, 1 (the default) paints it anew, 2 keeps little of it"""
    keep_colours: str | None
    """luminance, recolour or histogram; without it the style's colours are taken"""
    brush: float
    """size of the strokes, 1"""
    size: int | None
    """longest side of the result, 512; None for the picture's own"""
    engine: str | None
    """fast (one pass) or gatys (optimisation: slower, stronger); fast by default, gatys where `options` are given"""
    model: str | Path | None
    """folder of a fast engine, Danqing's own if not given"""
    seed: int
    options: Mapping[str, Any] | None
    """settings of `GatysConfig`, by name: steps, content_layers, style_layers, smooth, distance, optimizer, ..."""


@dataclass(frozen=True, eq=False)
class StyleOrder:
    """A picture and everything that is to be done to it."""

    job: Job
    config: GatysConfig
    alpha: np.ndarray | None
    recipe: Recipe
    strength: float
    fast: FastPainter | None
    """None for the optimiser"""

    def finished(self, made: Tensor) -> Picture:
        """A picture of the optimiser's (3, h, w), of any scale, as it is written."""
        if self.recipe.extra["keep_colours"] == "luminance":
            made = with_colours_of(made, resized(self.job.content, tuple(made.shape[-2:])))
        return Picture(pixels(made, self.alpha), replace(self.recipe, size=(made.shape[2], made.shape[1])))


@act
def stylize(
    picture: Look,
    styles: Look | Sequence[Look],
    watch: Callable[[Picture], None] | None = None,
    **wishes: Unpack[Wishes],
) -> Generator[Progress, None, Picture]:
    """Paint `picture` in the manner of one or several pictures, by optimisation (arXiv 1508.06576) or in one pass.

    `watch` is shown the picture after every step, at the size it has by then; `wishes`: see `Wishes`.

    The result is as large as the picture, at most `size` on its longer side; its transparency stays. Raises UsageError,
    NotFoundError and BadInputError.
    """
    return (yield from carried_out(style_order(picture, styles, **wishes), watch))


@act
def stylize_all(
    pictures: Sequence[Path],
    styles: Look | Sequence[Look],
    done: Callable[[int, Picture], None],
    there: Callable[[int, Recipe], bool] = lambda place, recipe: False,
    **wishes: Unpack[Wishes],
) -> Generator[Progress, None, dict[Path, str]]:
    """Stylize many files; each picture is handed to `done` with its place, those that are `there` are passed over.

    Returns the files that are no pictures, each with the reason; they stop nothing.
    """
    broken: dict[Path, str] = {}
    for place, path in enumerate(pictures):
        try:
            order = style_order(path, styles, **wishes)
        except BadPictureError as error:
            broken[path] = str(error)
            yield Progress("stylize", (place + 1) / len(pictures), message=str(error))
            continue
        if there(place, order.recipe):
            continue
        done(place, (yield from shared(carried_out(order), place, len(pictures))))
    return broken


@act
def stylize_film(
    film: str | Path, styles: Look | Sequence[Look], out: str | Path, **wishes: Unpack[Wishes]
) -> Generator[Progress, None, Path]:
    """Every frame of a film in the manner of one or several pictures, with its sound; MP4 at `out`.

    The optimiser begins every frame with the one before, and the fast engine keeps the first frame's statistics, so
    that the manner holds still. Stopped before the end, the frames so far are kept beside it (`films.begun`). Raises
    MissingExtraError without PyAV, NotFoundError, BadInputError, UsageError, DiskError.
    """
    before: list[Tensor] = []
    stills = [Still() for _ in range(len(wishes.get("masks") or [None]))]

    def change(frame: np.ndarray) -> np.ndarray:
        order = style_order(frame, styles, **wishes)
        made = next_frame(order, before[0] if before else None, stills)
        before[:] = [made]
        return order.finished(made).pixels[..., :3]

    for done in redrawn(Path(film), Path(out), change):
        yield Progress("stylize", done)
    return Path(out)


def next_frame(order: StyleOrder, before: Tensor | None, stills: Sequence[Still]) -> Tensor:
    job, chance = order.job, picture_generators(order.recipe.seed, 1)[0]
    if order.fast:
        return stylized(
            order.fast, eyes("max"), job.content, job.regions, order.strength, job.brush, chance, stills=stills
        )
    config = order.config
    if before is not None and before.shape == job.content.shape:
        job, config = replace(job, start=before), replace(config, steps=(FRAME_STEPS,))
    *_, last = optimise(eyes(config.pooling), config, job, chance)
    return last.picture


def style_order(picture: Look, styles: Look | Sequence[Look], **wishes: Unpack[Wishes]) -> StyleOrder:
    """All that can be wrong is found here."""
    given: Mapping[str, Any] = wishes
    wanted = Wanted(**{name: given[name] for name in WANTED if name in given})
    named = [styles] if isinstance(styles, Look) else list(styles)
    shares = checked_weights(wishes.get("weights"), len(named))
    options = {**own_settings(named), **(wishes.get("options") or {})}
    config = settings.read(GatysConfig, options, "the settings of the optimiser")
    config = replace(config, style=config.style * wanted.strength**2)
    content, alpha = framed(picture, wanted.size)
    fast, sha = styler(wishes.get("engine") or ("gatys" if wishes.get("options") else "fast"), wishes.get("model"))
    if fast and wishes.get("options"):
        raise UsageError("The fast engine has no settings to choose; leave --set out, or take --engine gatys.")
    seed = wishes.get("seed", 0)
    exemplars = [exemplar_of(look, share, content, wanted, seed) for look, share in zip(named, shares, strict=True)]
    if fast:
        check_taught(named, sha)
    job = Job(content, regions(content, exemplars, wishes.get("masks")), wanted.brush, min(1.0, wanted.strength))
    recipe = recipe_of(wanted, named, shares, seed, content, None if fast else config, sha)
    return StyleOrder(job, config, alpha, recipe, wanted.strength, fast)


def styler(engine: str, model: str | Path | None) -> tuple[FastPainter | None, str]:
    """The fast engine and the sha256 of its weights, if it is to be used."""
    if engine not in ENGINES:
        raise unknown("engine", engine, ENGINES)
    if engine == "gatys":
        if model is not None:
            raise UsageError("The optimiser takes no --model; choose --engine fast with it.")
        return None, ""
    return read_styler(shipped_styler() if model is None else Path(model))


def carried_out(
    order: StyleOrder, watch: Callable[[Picture], None] | None = None
) -> Generator[Progress, None, Picture]:
    last, chance = order.job.content, picture_generators(order.recipe.seed, 1)[0]
    if order.fast:
        job = order.job
        last = stylized(order.fast, eyes("max"), job.content, job.regions, order.strength, job.brush, chance)
        yield Progress("stylize", 1.0)
        return order.finished(last)
    for moment in optimise(eyes(order.config.pooling), order.config, order.job, chance):
        last = moment.picture
        if watch:
            watch(order.finished(last))
        yield Progress("stylize", moment.done, figures={"loss": moment.loss})
    return order.finished(last)


def own_settings(named: Sequence[Look]) -> Mapping[str, Any]:
    """Of a manner that comes with Danqing, where it is the only one."""
    own = own_name(named[0]) if len(named) == 1 else None
    return {} if own is None else looks.LOOKS[own].settings


def own_name(look: Look) -> str | None:
    """The name of a manner that comes with Danqing; None for a picture."""
    return look if isinstance(look, str) and look in looks.LOOKS else None


def checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    found = [1.0] * count if weights is None else [float(weight) for weight in weights]
    if not count:
        raise UsageError("No style came; name a picture or a preset.")
    if len(found) != count:
        raise UsageError(f"{len(found)} weights for {count} styles came; give one for each.")
    if any(not weight >= 0 for weight in found) or not sum(found):
        raise UsageError(f"Weights {found} are not possible; give numbers of at least 0, and one above.")
    return found


def regions(content: Tensor, exemplars: Sequence[Exemplar], masks: Sequence[Look] | None) -> list[Region]:
    """All styles mixed over the whole picture, or each on its mask."""
    if masks is None:
        return [Region(exemplars)]
    if len(masks) != len(exemplars):
        raise UsageError(f"{len(masks)} masks for {len(exemplars)} styles came; give one for each.")
    size = tuple(content.shape[-2:])
    return [Region([one], mask_of(mask, size)) for one, mask in zip(exemplars, masks, strict=True)]


def exemplar_of(look: Look, weight: float, content: Tensor, wanted: Wanted, seed: int) -> Exemplar:
    """A style at the scale of the result, in the photo's colours where those are to be kept."""
    longest, manner = max(content.shape[-2:]), None
    if own := own_name(look):
        found = own_within(own, longest)
    elif taught := taught_manner(look):
        array, manner = taught.drawn(seed)
        found = to_tensor(within(array, longest))
    elif isinstance(look, (str, Path)) and not Path(look).exists():
        raise unknown("style or picture", str(look), [*looks.LOOKS, *taught_names()])
    elif isinstance(look, (str, Path)):
        read_once = file_within if longest <= KEPT else file_within.__wrapped__
        found = read_once(Path(look), *stamp(Path(look)), longest)
    else:
        found = to_tensor(within(opaque(pixels_of(look)), longest))
    change = RECOLOURINGS.get(wanted.keep_colours or "")
    return Exemplar(change(found, content) if change else found, weight, manner=None if change else manner)


def stamp(path: Path) -> tuple[int, int]:
    """When a file was changed, and its size."""
    about = path.stat()
    return about.st_mtime_ns, about.st_size


@lru_cache(maxsize=4)
def file_within(path: Path, changed: int, size: int, longest: int) -> Tensor:
    """(3, H, W) of a style's file, kept for the next picture or frame."""
    return to_tensor(within(opaque(pixels_of(path)), longest))


@lru_cache(maxsize=4)
def own_within(name: str, longest: int) -> Tensor:
    """(3, H, W) of a manner that comes with Danqing."""
    return to_tensor(within(looks.exemplar(name, longest), longest))


def taught_manner(look: Look) -> Taught | None:
    """What was taught under that name, if anything was."""
    return read_taught(taught_file(look)) if isinstance(look, str) and look in taught_names() else None


def check_taught(named: Sequence[Look], sha: str) -> None:
    """A taught manner means something to the engine it was taught with, and to no other."""
    for look in named:
        taught = taught_manner(look)
        if taught and taught.engine != sha[: len(taught.engine)]:
            raise UsageError(f"'{look}' was taught with another fast engine; teach it again with this one.")


def framed(picture: Look, size: int | None) -> tuple[Tensor, np.ndarray | None]:
    """The picture over white (3, H, W) in [-1, 1], at most `size` long, and its alpha (H, W) uint8 if it has any."""
    whole = pixels_of(picture)
    shown = within(opaque(whole), size)
    if min(shown.shape[:2]) < LEAST:
        raise UsageError(
            f"A picture of {shown.shape[1]} x {shown.shape[0]} pixels is too small; "
            f"give one of {LEAST} x {LEAST} or more."
        )
    clear = whole.shape[2] == 4 and (whole[..., 3] < 255).any()
    return to_tensor(shown), within(whole[..., 3:], size)[..., 0] if clear else None


def pixels_of(look: Look) -> np.ndarray:
    """(H, W, 4) uint8 of a file, or the pixels themselves."""
    if isinstance(look, np.ndarray):
        if look.dtype != np.uint8 or look.ndim != 3 or look.shape[2] not in (3, 4):
            raise UsageError(f"Pixels {look.dtype} {look.shape} came; give uint8 (H, W, 3) or (H, W, 4).")
        return look
    return read_rgba(look if isinstance(look, Image.Image) else Path(look))


def within(array: np.ndarray, size: int | None) -> np.ndarray:
    """(H, W, C) uint8 without alpha, made smaller where its longer side is above `size`."""
    factor = 1.0 if size is None else size / max(array.shape[:2])
    if factor >= 1:
        return array
    height, width = (max(1, round(side * factor)) for side in array.shape[:2])
    whole = torch.from_numpy(np.require(array, requirements=["C", "W"])).permute(2, 0, 1)[None]
    small = interpolate(whole, (height, width), mode="bicubic", antialias=True)  # on bytes, ten times as fast as Pillow
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())


def opaque(array: np.ndarray) -> np.ndarray:
    """(H, W, 3 | 4) uint8 -> (H, W, 3), over white."""
    if array.shape[2] == 3 or (array[..., 3] == 255).all():
        return array[..., :3]
    alpha = array[..., 3:].astype(np.float32) / 255
    return np.rint(array[..., :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)


def mask_of(look: Look, size: Sequence[int]) -> Tensor:
    """(H, W) in [0, 1]: white is 1."""
    grey = Image.fromarray(opaque(pixels_of(look))).convert("L").resize((size[1], size[0]), Image.Resampling.BILINEAR)
    mask = torch.from_numpy(np.asarray(grey, np.float32) / 255)
    if not mask.any():
        raise UsageError("A mask is all black; paint white where its style is wanted.")
    return mask


def to_tensor(array: np.ndarray) -> Tensor:
    """(H, W, 3) uint8 -> (3, H, W) in [-1, 1]."""
    return torch.from_numpy(to_floats(array.transpose(2, 0, 1)))


def pixels(made: Tensor, alpha: np.ndarray | None) -> np.ndarray:
    """(H, W, 3) uint8, or (H, W, 4) with the picture's own alpha."""
    array = to_arrays(made[None])[0].numpy()
    if alpha is None:
        return array
    shape = Image.fromarray(alpha).resize((array.shape[1], array.shape[0]), Image.Resampling.BILINEAR)
    return np.concatenate([array, np.asarray(shape)[..., None]], axis=2)


@cache
def eyes(pooling: str) -> Eyes:
    return Eyes(vgg19(), pooling)


def recipe_of(
    wanted: Wanted,
    named: Sequence[Look],
    shares: Sequence[float],
    seed: int,
    content: Tensor,
    config: GatysConfig | None,
    sha: str = "",
) -> Recipe:
    """What was done, for the picture's notes; without settings of the optimiser it was the fast engine."""
    names = [Path(look).name if isinstance(look, (str, Path)) else "pixels" for look in named]
    taught = {str(look): known.sha for look in named if (known := taught_manner(look))}
    extra = {
        "act": "stylize", "styles": names, "weights": list(shares), **settings.plain(wanted),
        "engine": "gatys" if config else "fast", "optimiser": settings.plain(config) if config else None,
        **({"taught": taught} if taught else {}),
    }  # fmt: skip
    return Recipe(
        "vgg19" if config else "styler", sha[:12], "style", seed, (content.shape[2], content.shape[1]),
        label=", ".join(names), sampler=config.optimizer if config else "fast",
        steps=sum(config.steps) if config else 1, version=__version__, extra=extra,
    )  # fmt: skip


def exemplars(size: int = 256) -> dict[str, np.ndarray]:
    """A square piece of each manner that comes with Danqing, (size, size, 3) uint8."""
    return {name: fit_square(looks.exemplar(name, 2 * size), size) for name in looks.LOOKS}
