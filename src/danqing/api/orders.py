"""One picture at a time: what a commission means for each of its pictures, in numbers, before anything is painted."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from typing import Any

import torch
from torch import Tensor

from danqing.api.adding import Spot, spot_of
from danqing.api.commissions import ANY, OPTIONS, STRENGTH, Commission
from danqing.api.materials import Ground, Material, framed, painted_into, painted_over
from danqing.api.painting import check_count
from danqing.api.studios import Studio
from danqing.errors import UsageError
from danqing.families.text2image.painter import Manner
from danqing.families.text2image.prior import Said
from danqing.families.text2image.shipping import FAMILY
from danqing.home import PARTS, PARTS_SEVERAL
from danqing.limits import SIZES
from danqing.nn.chance import derive, generator
from danqing.nn.flow import JUMPS
from danqing.types import Recipe
from danqing.version import __version__
from danqing.words.reading import Reading
from danqing.words.scenes import Scene, canonical, coloured, in_words, scene_of

FEW, MANY = 4, 6
"""steps where none are given: of a painter that learned to jump, of one that did not"""
GUIDANCE = 3.0
"""where none is given"""
WILDEST = 0.35
"""noise on the embedding at chaos 100"""
TRIES = 3
"""where nothing is said; four pictures then take less than a second on two cores, in fp32 too (docs/decisions.md)"""
MOST_WORDS = 100
"""words of the truth light that go into a recipe"""


@dataclass(frozen=True)
class Way:
    """How to paint; pictures of one way are painted together."""

    manner: Manner
    revision: float | None
    """how far to revise the embedding that is given; None imagines one from words alone"""
    noise: float
    """on the embedding"""
    strength: float | None
    """of the canvas; None without one"""
    masked: bool
    tries: int
    """so often each picture is painted"""


@dataclass(frozen=True, eq=False)
class Order:
    """One picture."""

    seed: int
    way: Way
    commission: Commission
    said: Said
    unsaid: Said
    start: Tensor | None
    """(D,) the embedding to begin with"""
    ground: Ground | None
    spot: Spot | None
    recipe: Recipe
    scene: Scene | None = None
    layers: tuple["Order", ...] = ()
    """the things of the scene, each an order"""
    tint: str = ""
    """a colour word: what is painted is given that colour afterwards; `said` is without it"""


@singledispatch
def orders(studio: Any, commission: Commission, n: int, seed: int) -> list[Any]:
    """`n` pictures, seeds `seed` and up. All that can be wrong is found here. Each kind of painter has its own orders,
    which know `seed`, `commission`, `recipe` and `scene`."""
    raise TypeError(type(studio))


@orders.register
def orders_of_studio(studio: Studio, commission: Commission, n: int, seed: int) -> list[Order]:
    check_count(n, seed)
    commission = settled(commission)
    reading, side = studio.read(commission.prompt), studio.painter.size
    if not reading.tokens:
        commission = replace(commission, tries=1)  # there is nothing to fit
    way = way_of(studio, commission)
    ground, spot = ground_of(commission, side), spot_in(commission)
    start = start_of(studio, commission, ground)
    named, scene = style_of(studio, commission), scene_in(studio, commission, reading)
    things = scene.things if scene else [reading]
    unwanted = studio.read(commission.negative)
    parts = [uncoloured(studio, commission, what, unwanted) for what in things]
    unsaid = studio.said(unwanted, studio.any_style)
    defaults = [default_of(studio, commission, what) if named is None else named for what, _ in parts]
    made = []
    for one in range(seed, seed + n):
        styles = defaults if named is not None else [freed(studio, commission, one, style) for style in defaults]
        recipe = recipe_of(studio, commission, way, one, styles, ground or spot, reading, scene, parts)
        order = Order(one, way, commission, studio.said(reading, styles[0]), unsaid, start, ground, spot, recipe, scene)
        layers = in_layers(studio, order, parts, styles)
        made.append(replace(order, layers=layers) if scene else layers[0])
    return made


def settled(commission: Commission) -> Commission:
    """What was left to the painter, as this one does it. UsageError for what it does not do."""
    size = commission.size or SIZES[0]
    if size not in SIZES:
        raise UsageError(f"A size of {size} is not possible; choose {', '.join(map(str, SIZES))}.")
    for name in ("sampler", "engine", *PARTS, *PARTS_SEVERAL):
        if getattr(commission, name):
            raise UsageError(f"--{OPTIONS.get(name, name)} is for pretrained models (--model FOLDER); leave it out.")
    guidance = GUIDANCE if commission.guidance is None else commission.guidance
    tries = TRIES if commission.tries is None else commission.tries
    return replace(commission, size=size, guidance=guidance, tries=tries)


def in_parts(commission: Commission) -> bool:
    """Whether things are painted one by one, and coloured afterwards: where there are words alone."""
    return commission.layers and not (commission.image or commission.pictures or commission.tile)


def uncoloured(studio: Studio, commission: Commission, what: Reading, unwanted: Reading) -> tuple[Reading, str]:
    """What is painted of a thing, and the colour that is laid on afterwards."""
    return coloured(what, studio.known, canonical(unwanted)) if in_parts(commission) else (what, "")


def scene_in(studio: Studio, commission: Commission, reading: Reading) -> Scene | None:
    """What is painted thing by thing, but for what a picture of its own is called."""
    if not in_parts(commission):
        return None
    scene = scene_of(reading, lambda token: token in studio.things)  # known names are read only where it matters
    return None if scene and studio.known(canonical(reading)) else scene


def in_layers(
    studio: Studio, order: Order, parts: Sequence[tuple[Reading, str]], styles: Sequence[int]
) -> tuple[Order, ...]:
    """An order for each thing and its colour; the first has the seed of the whole."""
    seeds = [order.seed, *(derive("layer", order.seed, place) for place in range(1, len(parts)))]
    return tuple(
        replace(order, seed=seed, said=studio.said(what, style), tint=tint)
        for seed, (what, tint), style in zip(seeds, parts, styles, strict=True)
    )


def in_styles(studio: Studio, order: Order, names: Sequence[str]) -> Order:
    """The things of a scene in the styles that its recipe tells; as they are where it tells none."""
    if len(names) != len(order.layers):
        return order
    ids = [torch.tensor([studio.style_id(name)]) for name in names]
    layers = [replace(one, said=replace(one.said, style=i)) for one, i in zip(order.layers, ids, strict=True)]
    return replace(order, layers=tuple(layers))


def attempts(order: Order) -> list[Order]:
    """The order as often as it is tried; the first try is the picture that would be painted without others."""
    seeds = [order.seed, *(derive("try", order.seed, number) for number in range(1, order.way.tries))]
    return [replace(order, seed=seed) for seed in seeds]


def way_of(studio: Studio, commission: Commission) -> Way:
    """Words are followed by 1 + guidance / 3 (3 -> 2).

    Chaos takes that back to 1, makes the noise that embeddings are imagined from as large as in training, doubts them
    wholly, and puts noise on them.
    """
    calm = 1 - commission.chaos / 100
    steps, jumps = steps_of(studio, commission.steps)
    noise, doubt = (1 - (1 - usual) * calm for usual in (Manner.calm, Manner.doubt))
    closely = 1 + commission.closely / 3 * calm
    manner = Manner(steps, jumps, calm=noise, doubt=doubt, prior_guidance=closely, tile=commission.tile)
    masked = bool(commission.mask or commission.extend) and not commission.add
    strength = commission.strength
    if commission.image and strength is None and not commission.add:
        strength = 1.0 if masked else STRENGTH
    return Way(manner, revision_of(commission), WILDEST * (1 - calm), strength, masked, commission.tries or 1)


def revision_of(commission: Commission) -> float | None:
    """Pictures whose content is taken up come first, then the picture that is painted over or into."""
    if commission.pictures:
        return commission.revision
    if commission.image and not commission.add:
        return STRENGTH if commission.strength is None else commission.strength
    return None


def steps_of(studio: Studio, steps: int | None) -> tuple[int, bool]:
    """How many, and whether they are learned jumps."""
    if not studio.shipped.jumps:
        return steps or MANY, False
    steps = steps or FEW
    if steps not in JUMPS and steps <= JUMPS[-1]:
        raise UsageError(f"{steps} steps were not learned; choose {', '.join(map(str, JUMPS))} or more.")
    return steps, steps in JUMPS


def ground_of(commission: Commission, side: int) -> Ground | None:
    image = commission.image
    if image is None or commission.add:
        return None
    if commission.mask or commission.extend:
        return painted_into(image, commission.mask, commission.extend, side, lift=not commission.transparent)
    return painted_over(image, side, commission.side)


def spot_in(commission: Commission) -> Spot | None:
    if not commission.add:
        return None
    assert commission.image and commission.mask
    return spot_of(commission.image, commission.mask)


def start_of(studio: Studio, commission: Commission, ground: Ground | None) -> Tensor | None:
    if commission.pictures:
        side = studio.painter.size
        found = [studio.embed(framed(one.rgba, side, lift=True)) for one in commission.pictures]
        return mixture(found, commission.weights or [1.0] * len(found))
    return studio.embed(ground.seen) if ground else None


def mixture(embeddings: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """The weighted mean, as long as the embeddings are in the mean: a mean of several is shorter, and paints paler."""
    shares = torch.tensor(weights) / sum(weights)
    rows = torch.stack(list(embeddings))
    mean, length = shares @ rows, shares @ rows.norm(dim=1)
    return mean * (length / mean.norm().clamp(min=1e-6)) if len(rows) > 1 else rows[0]


def style_of(studio: Studio, commission: Commission) -> int | None:
    """The style that was named, that of the style reference, or of the picture that a thing is added to if the painter
    has it; None where the seed or the painter may choose."""
    if commission.style_ref:
        return studio.styles.index(style_of_picture(studio, commission.style_ref))
    if commission.style is None and commission.add and commission.image:
        style = likest_style(studio, commission.image)
        return studio.styles.index(style) if style in studio.styles else None
    return None if commission.style is None else studio.style_id(commission.style)


def style_of_picture(studio: Studio, picture: Material) -> str:
    """The style of the painter's that a picture is most like: no palette and no stroke of its own is taken."""
    style = likest_style(studio, picture)
    if style not in studio.styles:
        raise UsageError(f"{picture.name} is most like '{style}', which the painter does not paint; choose a --style.")
    return style


def likest_style(studio: Studio, picture: Material) -> str:
    return studio.index.style_of(studio.embed(framed(picture.rgba, studio.painter.size, lift=True)))


def default_of(studio: Studio, commission: Commission, what: Reading) -> int:
    """The style of a thing where none is named: the painter's own default.

    What it knows in other styles only is left to any: a style in which a thing was never drawn makes it a blob. So is
    what it was taught afterwards, for most of those lessons named no style.
    """
    default, words = studio.shipped.default_style, canonical(what)
    if not default or commission.inputs or {*words} & {*studio.shipped.taught.values()}:
        return studio.any_style
    drawn = studio.known(words)
    return studio.any_style if drawn and default not in drawn else studio.style_id(default)


def freed(studio: Studio, commission: Commission, seed: int, default: int) -> int:
    """No style was named: the default, or under chaos, ever more often, one by the seed."""
    chance = generator("picture", seed, "style")
    wild, place = torch.rand(2, generator=chance).tolist()
    if wild < commission.chaos / 100:
        return int(place * len(studio.styles)) if studio.styles else studio.any_style
    return default


def recipe_of(
    studio: Studio,
    commission: Commission,
    way: Way,
    seed: int,
    styles: Sequence[int],
    place: Ground | Spot | None,
    reading: Reading,
    scene: Scene | None,
    parts: Sequence[tuple[Reading, str]],
) -> Recipe:
    extra: dict[str, Any] = commission.plain()
    named = [*studio.styles, ANY]
    extra["drawn_as"] = named[styles[0]]
    light = reading.plain()
    tinted = [f"{tint} {in_words(what)}" for what, tint in parts if tint]
    if not (scene or tinted):
        extra.pop("layers", None)
    light |= {"layers": scene.plain(), "drawn": [named[one] for one in styles]} if scene else {}
    light |= {"tinted": tinted} if tinted else {}
    extra["reading"] = light | {"words": light["words"][:MOST_WORDS]}
    size = place.size if place else (commission.side, commission.side)
    sampler = "few-step" if way.manner.jumps else "euler"
    return Recipe(studio.name, studio.hash, FAMILY, seed, size, None, sampler, way.manner.steps, commission.closely,
                  __version__, extra, commission.prompt, commission.negative)  # fmt: skip
