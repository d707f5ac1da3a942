"""Words become pictures: paint, vary, blend."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from pathlib import Path
from typing import Any, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor

from danqing.api.act import act
from danqing.api.adding import cut_out, laid
from danqing.api.commissions import CLOSENESS, Commission
from danqing.api.layering import laid_out
from danqing.api.materials import Source, finished, material
from danqing.api.orders import Order, attempts, orders
from danqing.api.painting import AT_ONCE
from danqing.api.studios import Studio, any_painter, load_painter
from danqing.api.stylizing import stylize
from danqing.data.composing.painting import in_colour
from danqing.errors import UsageError
from danqing.evaluate.shipped import efficientnet_lite0
from danqing.families.text2image.fitting import fit
from danqing.families.text2image.imagining import stacked
from danqing.families.text2image.painter import Canvas, Watch
from danqing.home import PARTS_SEVERAL
from danqing.images.alpha import over_white, tidied
from danqing.images.arrays import to_float, to_uint8
from danqing.nn.chance import derive, generator, noise
from danqing.nn.precision import arithmetic, painting
from danqing.types import Picture, Progress
from danqing.words.reading import Reading

Model = str | Path | Any
"""a folder, a Studio, a Pretrained, or None for the painter that comes with Danqing"""
Done = Callable[[int, Picture], None]
"""told each picture as soon as it is painted, with its place"""
Sketch = Callable[[float, Callable[[], dict[int, np.ndarray]]], None]
"""told after every step how far the work is, 0 .. 1, and how to see the pictures in hand (place -> (S, S, 3) uint8);
what it raises stops the work"""
MOST_BLENDED = 8
SKETCHED = 3
"""least steps of the prior where a picture has to follow the hand"""


@dataclass(frozen=True)
class Painted:
    """Pictures, and how their words were understood."""

    pictures: list[Picture]
    reading: Reading


class Look(TypedDict, total=False):
    """What every way of painting heeds; what is left out is as in `Commission`."""

    style: str | None
    """a slug of the painter, 'any', or None for its default"""
    steps: int | None
    """None is 4 for a painter that learned few steps, 6 for others"""
    guidance: float | None
    """how closely words are followed, 0 .. 15; None is the painter's own"""
    negative: str
    """words to keep away from"""
    size: int | str | None
    """128, 256, 512 or 1024; for pretrained models any side, or "WIDTHxHEIGHT"; None is the painter's own"""
    sampler: str | None
    """of a pretrained model; None is its own"""
    transparent: bool
    """(H, W, 4) with straight alpha instead of (H, W, 3) over white"""
    chaos: float
    """0 .. 100: how much the pictures differ"""


class Wishes(Look, total=False):
    """What `paint` heeds besides."""

    loras: Sequence[str]
    """of a pretrained model: files or names, each with its weight behind a colon if it is not 1"""
    embeddings: Sequence[str]
    """textual inversions: files or names; a prompt calls each by the name of its file"""
    controlnet: str
    """a folder or name; it is led by `control`"""
    control: Source | None
    control_kind: str
    """what is made of `control` first: "ready" (nothing), "edges" or "scribble\""""
    control_strength: float
    """0 .. 2"""
    adapter: str
    """an IP-Adapter's file or name; it looks at `style_ref` or `image_prompt`"""
    decoder: str
    """a tiny decoder's folder or name, for speed"""
    engine: str
    """"openvino" compiles a pretrained model for this processor, once for every size; else PyTorch"""
    tile: bool
    """edges that meet"""
    layers: bool
    """several things ("two cats", "a dog and a hat") are painted one by one and laid together, a thing with a colour
    ("a purple cat") is coloured after it was painted; True if left out"""
    tries: int | None
    """1 .. 16: so often each picture is painted, and what fits the words best is kept; None is the painter's own (3)"""
    image: Source | None
    """a picture to start from"""
    strength: float | None
    """0 keeps `image`, 1 forgets it; 0.6, with a mask 1"""
    mask: Source | None
    """as large as `image`: white is painted anew, black stays exactly as it is"""
    add: bool
    """the prompt is painted alone and laid where `mask` is white, as large as it fits, over what is there"""
    extend: int
    """so many pixels of new picture on each side of `image`"""
    style_ref: Source | None
    """a picture whose style is taken"""
    image_prompt: Source | None
    """a picture whose content is taken"""
    then: str
    """"stylize:" and a manner that comes with Danqing: the painted picture in that manner"""


@act
def paint(
    prompt: str,
    n: int = 4,
    seed: int = 0,
    model: Model = None,
    watch: Done | None = None,
    sketch: Sketch | None = None,
    **wishes: Unpack[Wishes],
) -> Generator[Progress, None, Painted]:
    """Paint `n` pictures of a prompt; picture i has seed `seed` + i, and is the same alone or among others.

    `watch` is given each picture with its place as soon as it is painted, `sketch` is told of every step on the way.
    `wishes`: see `Wishes` and `Look`. Raises UsageError, NotFoundError (a style, a file) or BadInputError (a picture).
    """
    return (yield from painted(any_painter(model), to_paint(prompt, **wishes), n, seed, watch, sketch))


@act
def vary(
    picture: Source,
    strength: float = 0.4,
    n: int = 4,
    text: str = "",
    seed: int = 0,
    model: Model = None,
    watch: Done | None = None,
    sketch: Sketch | None = None,
    **look: Unpack[Look],
) -> Generator[Progress, None, Painted]:
    """Paint a picture anew through its embedding; `strength` 0 keeps what it shows, 1 forgets it, `text` leads it.

    Any picture goes, but only what the painter can say of it is kept: what it is, and roughly where and in which
    colours.
    """
    return (yield from painted(any_painter(model), to_vary(picture, strength, text, **look), n, seed, watch, sketch))


@act
def blend(
    pictures: Sequence[Source],
    weights: Sequence[float] | None = None,
    text: str = "",
    strength: float = CLOSENESS,
    n: int = 4,
    seed: int = 0,
    model: Model = None,
    watch: Done | None = None,
    sketch: Sketch | None = None,
    **look: Unpack[Look],
) -> Generator[Progress, None, Painted]:
    """Paint what lies between 2 to 8 pictures: the mean of their embeddings, revised by `strength`."""
    commission = to_blend(pictures, weights, text, strength, **look)
    return (yield from painted(any_painter(model), commission, n, seed, watch, sketch))


def glimpse(prompt: str, seed: int = 0, model: Model = None, **wishes: Unpack[Wishes]) -> Picture:
    """One picture at once, for painting that follows the typing: it is not computed in a group of four.

    Few steps are few for the prior too, and its last bits differ from those of `paint`: its recipe is no promise of the
    same bytes.
    """
    studio = load_painter(model)
    wishes["layers"], wishes["tries"] = False, 1
    order = hurried(orders(studio, to_paint(prompt, **wishes), 1, seed)[0])
    return Picture(pixels_of(order, [squares(studio, [order], at_once=1)[0][0]]), order.recipe)


def hurried(order: Order) -> Order:
    """No more steps of the prior than of the decoder, at least 3: cosine to the embeddings of all steps 0.97 up."""
    manner = order.way.manner
    steps = min(manner.prior_steps, max(SKETCHED, manner.steps))
    return replace(order, way=replace(order.way, manner=replace(manner, prior_steps=steps)))


def to_paint(prompt: str, **wishes: Unpack[Wishes]) -> Commission:
    values: dict[str, Any] = {"layers": True, "tries": None, **wishes}
    for name in PARTS_SEVERAL:
        values[name] = tuple(values.get(name) or ())
    for name in ("image", "mask", "style_ref", "image_prompt", "control"):
        if values.get(name) is not None:
            values[name] = material(values[name])
    content = values.pop("image_prompt", None)
    return Commission(prompt, **values, pictures=(content,) if content else ())


def to_vary(picture: Source, strength: float, text: str, **look: Unpack[Look]) -> Commission:
    return Commission(text, **look, pictures=(material(picture),), revision=strength, act="vary")


def to_blend(
    pictures: Sequence[Source], weights: Sequence[float] | None, text: str, strength: float, **look: Unpack[Look]
) -> Commission:
    if not 2 <= len(pictures) <= MOST_BLENDED:
        raise UsageError(f"{len(pictures)} pictures came; blend takes 2 to {MOST_BLENDED}.")
    found, shares = tuple(map(material, pictures)), tuple(weights or ())
    return Commission(text, **look, pictures=found, weights=shares, revision=strength, act="blend")


def painted(
    studio: Any,
    commission: Commission,
    n: int,
    seed: int,
    watch: Done | None = None,
    sketch: Sketch | None = None,
) -> Generator[Progress, None, Painted]:
    made: dict[int, Picture] = {}

    def done(place: int, picture: Picture) -> None:
        made[place] = picture
        if watch:
            watch(place, picture)

    wanted = orders(studio, commission, n, seed)
    yield from fulfilled(studio, wanted, done, commission.act, sketch)
    return Painted([made[place] for place in range(n)], studio.read(commission.prompt))


@singledispatch
def fulfilled(
    studio: Any, wanted: Sequence[Any], done: Done, name: str = "paint", sketch: Sketch | None = None
) -> Generator[Progress, None, int]:
    """Paint orders of any kind and hand each picture to `done`; how many there were."""
    raise TypeError(type(studio))


@fulfilled.register
def fulfilled_by_studio(
    studio: Studio, wanted: Sequence[Order], done: Done, name: str = "paint", sketch: Sketch | None = None
) -> Generator[Progress, None, int]:
    """Those of one way share groups, whatever their words; of the tries of each the one that fits best is kept."""
    every = [order.layers or (order,) for order in wanted]
    deepest = max(map(len, every), default=0)
    single = [
        Single(place, layer, number, one)
        for layer in range(deepest)
        for place, row in enumerate(every)
        if layer < len(row)
        for number, one in enumerate(attempts(row[layer]))
    ]
    left = Counter(one.place for one in single)
    best: dict[tuple[int, int], tuple[float, Tensor]] = {}
    count = complete = 0
    for some in groups([one.order for one in single]):
        members = [single[i] for i in some]
        watch = sketched(sketch, members, count, len(single)) if sketch else None
        for one, square, fits in zip(
            members, *squares(studio, [one.order for one in members], watch=watch), strict=True
        ):
            where, place = (one.place, one.layer), one.place
            if where not in best or fits > best[where][0]:
                best[where] = fits, square
            left[place] -= 1
            if not left[place]:
                order = wanted[place]
                parts = [tinted(best.pop((place, layer))[1], one) for layer, one in enumerate(every[place])]
                done(place, Picture(restyled(pixels_of(order, parts), order.commission.then, order.seed), order.recipe))
                complete += 1
        count += len(members)
        yield Progress(name, count / len(single), complete)
    return complete


fulfil = act(fulfilled)


@dataclass(frozen=True, eq=False)
class Single:
    """One try at one thing of one picture."""

    place: int
    """of the picture among all"""
    layer: int
    tried: int
    """how often it has been tried before"""
    order: Order


def sketched(sketch: Sketch, members: Sequence[Single], before: int, count: int) -> Watch:
    """Steps of a group as steps of the whole: `before` of `count` are painted already. First tries are seen."""
    first = {one.place: row for row, one in enumerate(members) if not one.tried}

    def watch(done: float, shown: Callable[[], Tensor]) -> None:
        def seen() -> dict[int, np.ndarray]:
            pictures = to_uint8(shown()).permute(0, 2, 3, 1).numpy()
            return {place: over_white(tidied(pictures[row])) for place, row in first.items()}

        sketch((before + done * len(members)) / count, seen)

    return watch


def tinted(square: Tensor, order: Order) -> Tensor:
    """(4, S, S) premultiplied in [-1, 1] in the colour that the order has for it, if any."""
    if not order.tint:
        return square
    rgba = tidied(to_uint8(square[None])[0].permute(1, 2, 0).numpy())
    made = in_colour(rgba, order.tint, np.random.default_rng(derive("tint", order.seed)))
    return to_float(torch.from_numpy(made).permute(2, 0, 1))


def pixels_of(order: Order, painted: Sequence[Tensor]) -> np.ndarray:
    """What is painted, (4, S, S) for each layer or for all, as the pixels of the file."""
    asked = order.commission
    if order.scene:
        return laid_out(order.scene, list(map(cut_out, painted)), asked.side, asked.transparent)
    if order.spot:
        return laid(painted[0], order.spot, asked.transparent)
    return finished(painted[0], order.ground, asked.side, asked.transparent, asked.tile)


def restyled(pixels: np.ndarray, then: str, seed: int) -> np.ndarray:
    """The picture in another manner, if that was asked for."""
    if not then:
        return pixels
    return stylize(pixels, then.partition(":")[2], size=None, seed=seed).result().pixels


def groups(wanted: Sequence[Order]) -> Iterator[list[int]]:
    """Places of at most AT_ONCE orders that go one way."""
    ways: dict[object, list[int]] = {}
    for place, order in enumerate(wanted):
        ways.setdefault(order.way, []).append(place)
    for places in ways.values():
        yield from (places[first : first + AT_ONCE] for first in range(0, len(places), AT_ONCE))


@torch.no_grad()
def squares(
    studio: Studio, rows: Sequence[Order], at_once: int = AT_ONCE, watch: Watch | None = None
) -> tuple[Tensor, list[float]]:
    """(N, 4, S, S) in [-1, 1] for N <= at_once orders of one way, by the arithmetic of `at_once`; and how well each
    fits its words, 0 where there is but one try."""
    full = [*rows, *[rows[-1]] * (at_once - len(rows))]
    way, said = full[0].way, stacked([order.said for order in full])
    chance = [generator("picture", order.seed, "pixels") for order in full]
    with arithmetic(painting()):
        e = embeddings(studio, full)
        made = studio.painter.render(e, said, way.manner, chance, canvas_of(full), way.revision, watch).float()
    fits = [0.0] * len(rows) if way.tries == 1 else fitting(studio, made, full)[: len(rows)]
    return made[: len(rows)], fits


def fitting(studio: Studio, made: Tensor, full: Sequence[Order]) -> list[float]:
    """How well pictures (N, 4, S, S) fit the words of their orders, as the painter itself sees them."""
    said, unsaid = stacked([order.said for order in full]), stacked([order.unsaid for order in full])
    return fit(studio.painter.prior, studio.painter.embed(efficientnet_lite0(), made), said, unsaid).tolist()


def embeddings(studio: Studio, full: Sequence[Order]) -> Tensor:
    """(N, D): imagined from words, or from a picture and revised by words; then the noise of chaos."""
    way, painter = full[0].way, studio.painter
    said, unsaid = stacked([order.said for order in full]), stacked([order.unsaid for order in full])
    chance = [generator("picture", order.seed, "words") for order in full]
    starts = [order.start for order in full if order.start is not None]
    if way.revision is None or not starts:
        made = painter.imagine(said, unsaid, way.manner, chance)
    else:
        made = painter.revise(torch.stack(starts), way.revision, said, unsaid, way.manner, chance)
    if way.noise:
        made = made + way.noise * noise([generator("picture", order.seed, "chaos") for order in full], made.shape[1])
    return made


def canvas_of(full: Sequence[Order]) -> Canvas | None:
    way, grounds = full[0].way, [order.ground for order in full if order.ground is not None]
    if way.strength is None or not grounds:
        return None
    masks = [ground.mask for ground in grounds if ground.mask is not None]
    picture = torch.cat([ground.seen for ground in grounds])
    return Canvas(picture, way.strength, torch.cat(masks) if way.masked else None)
