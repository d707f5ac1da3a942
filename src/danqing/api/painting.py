"""From a model to pictures: sample, interpolate, reconstruct, edit."""

import itertools
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from danqing.api.act import act
from danqing.api.models import Model, load
from danqing.data.labels import label_index
from danqing.errors import UsageError
from danqing.images.arrays import to_arrays, to_float, to_uint8
from danqing.images.reading import read
from danqing.images.resizing import fit_square
from danqing.nn.chance import picture_generators
from danqing.types import PaintRequest, Picture, Progress, Recipe
from danqing.version import __version__

AT_ONCE = 4
"""Pictures are always painted in groups of this size, filled up where fewer are wanted: the same arithmetic whatever
the batch, so that a picture does not depend, to the last bit, on its neighbours."""


@dataclass(frozen=True)
class Wish:
    """What is wanted of a model besides the number of pictures; None is the model's default."""

    label: str | None = None
    """a class by name (English or Chinese) or number; None lets the seed choose, evenly over all classes"""
    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None

    def __post_init__(self) -> None:
        if self.steps is not None and not 1 <= self.steps <= 1000:
            raise UsageError(f"{self.steps} steps are not possible; choose 1 to 1000.")
        if self.guidance is not None and not 0 <= self.guidance <= 30:
            raise UsageError(f"Guidance {self.guidance:g} is not possible; choose 0 to 30, 1 is as learned.")


@act
def sample(
    model: Model | str | Path,
    n: int = 16,
    seed: int = 0,
    label: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
) -> Generator[Progress, None, list[Picture]]:
    """Paint `n` pictures; picture i has seed `seed` + i, and is the same alone or among others.

    Returns Pictures of (H, W, 3) uint8 with their recipes. Raises NotFoundError for an unknown label or sampler.
    """
    model, wish = opened(model), Wish(label, sampler, steps, guidance)
    check_count(n, seed)
    check_wish(model, wish)
    labels = wanted_labels(model, wish, range(seed, seed + n))
    made: list[Picture] = []
    for first in range(0, n, AT_ONCE):
        rows = range(first, min(first + AT_ONCE, n))
        pixels = paint(model, wish, [seed + i for i in rows], [labels[i] for i in rows])
        made += [
            Picture(array, recipe(model, wish, seed + i, labels[i])) for i, array in zip(rows, pixels, strict=True)
        ]
        yield Progress("sample", len(made) / n, len(made))
    return made


def paint(model: Model, wish: Wish, seeds: Sequence[int], labels: Sequence[int | None]) -> np.ndarray:
    """(N, H, W, 3) uint8 for N <= AT_ONCE seeds, by the arithmetic of AT_ONCE."""
    fill = AT_ONCE - len(seeds)
    full_seeds, full_labels = [*seeds, *[seeds[-1]] * fill], [*labels, *[labels[-1]] * fill]
    pictures = pictures_of(model, wish, full_seeds, full_labels)
    return arrays(pictures[: len(seeds)])


@torch.no_grad()
def pictures_of(model: Model, wish: Wish, seeds: Sequence[int], labels: Sequence[int | None]) -> Tensor:
    """(N, C, H, W) in [-1, 1], as many at once as are asked for."""
    generators = [picture_generators(seed, 1)[0] for seed in seeds]
    request = request_of(wish, labels)
    start = model.family.start(model.painter, model.config, request, generators)
    return model.family.finish(model.painter, model.config, request, start, generators).float().cpu()


@torch.no_grad()
def many(
    model: Model, n: int, seed: int, wish: Wish | None = None, at_once: int = 250
) -> Iterator[tuple[Tensor, Tensor]]:
    """(B, C, H, W) uint8 and labels (B,), -1 for none; in large groups, so not equal to the last bit."""
    wish = wish or Wish()
    check_wish(model, wish)
    labels = wanted_labels(model, wish, range(seed, seed + n))
    for first in range(0, n, at_once):
        rows = range(first, min(first + at_once, n))
        pictures = pictures_of(model, wish, [seed + i for i in rows], [labels[i] for i in rows])
        yield to_uint8(pictures), torch.tensor([-1 if labels[i] is None else labels[i] for i in rows])


@act
def interpolate(
    model: Model | str | Path,
    stops: Sequence[int | str | Path] = (0, 1, 2, 3),
    frames: int = 8,
    label: str | None = None,
    sampler: str | None = None,
    steps: int | None = None,
) -> Generator[Progress, None, list[Picture]]:
    """Walk from stop to stop, `frames` pictures on each way and the last stop in the end.

    A stop is a seed or, for models that can encode (the VAE family), a picture file. Without a label the walk
    belongs to no class, whereas `sample` lets the seed choose one.
    """
    model, wish = opened(model), Wish(label, sampler, steps)
    check_wish(model, wish)
    if len(stops) < 2 or frames < 1:
        raise UsageError(f"{len(stops)} stops and {frames} frames came; give at least 2 stops and 1 frame.")
    class_of = wanted_labels(model, wish, [0])[0] if label else None
    starts = [_start(model, wish, stop, class_of) for stop in stops]
    path = [(a, b, i / frames) for a, b in itertools.pairwise(starts) for i in range(frames)]
    path.append((starts[-1], starts[-1], 0.0))
    made = []
    for number, (a, b, share) in enumerate(path):
        array = arrays(_finish(model, wish, slerp(a, b, share), class_of))[0]
        note = {"stops": [Path(s).name if isinstance(s, Path) else s for s in stops], "frame": number}
        made.append(Picture(array, replace(recipe(model, wish, 0, class_of), extra=note)))
        yield Progress("interpolate", (number + 1) / len(path), number + 1)
    return made


@act
def reconstruct(
    model: Model | str | Path, pictures: Sequence[str | Path]
) -> Generator[Progress, None, list[tuple[Picture, Picture]]]:
    """Each picture as the model sees it (cropped, resized) and as it paints it from its latent: pairs."""
    model = opened(model)
    encoder(model)
    pairs = []
    for number, path in enumerate(pictures):
        x = seen(model, path)
        again = _finish(model, Wish(), encode(model, x), None)
        made = replace(recipe(model, Wish(), 0, None), extra={"reconstruction": True})
        pairs.append((Picture(arrays(x)[0], made), Picture(arrays(again)[0], made)))
        yield Progress("reconstruct", (number + 1) / len(pictures), number + 1)
    return pairs


@act
def edit(
    model: Model | str | Path,
    picture: str | Path,
    add: str | None = None,
    subtract: str | None = None,
    strengths: Sequence[float] = (0.0, 0.5, 1.0, 1.5),
) -> Generator[Progress, None, list[Picture]]:
    """Move a picture's latent towards the mean of the class `add` and away from that of `subtract`.

    z + strength (mean[add] - mean[subtract]); a missing side is the mean of all classes.
    """
    model = opened(model)
    if add is None and subtract is None:
        raise UsageError("An edit needs --add or --subtract with a label of the model.")
    means: Tensor = encoder(model).class_means(model.painter)
    ends = [means.mean(0) if name is None else means[label_index(model.labels, name)] for name in (add, subtract)]
    z = encode(model, seen(model, picture))
    made = []
    for number, strength in enumerate(strengths):
        array = arrays(_finish(model, Wish(), z + strength * (ends[0] - ends[1]), None))[0]
        note = {"add": add, "subtract": subtract, "strength": strength}
        made.append(Picture(array, replace(recipe(model, Wish(), 0, None), extra=note)))
        yield Progress("edit", (number + 1) / len(strengths), number + 1)
    return made


def slerp(a: Tensor, b: Tensor, share: float) -> Tensor:
    """From a (0) to b (1) along the sphere, where normal noise lives (Shoemake 1985; for latents arXiv 1609.04468)."""
    flat_a, flat_b = a.flatten().double(), b.flatten().double()
    cosine = torch.dot(flat_a, flat_b) / (flat_a.norm() * flat_b.norm()).clamp(min=1e-12)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if float(angle) < 1e-4:
        return torch.lerp(a, b, share)
    weight_a, weight_b = torch.sin((1 - share) * angle), torch.sin(share * angle)
    return (weight_a * a + weight_b * b).div(torch.sin(angle)).to(a)


# Small parts.


def opened(model: Model | str | Path) -> Model:
    return model if isinstance(model, Model) else load(model)


def encoder(model: Model) -> Any:
    """The model's family, if it can encode pictures; UsageError otherwise."""
    if not hasattr(model.family, "encode"):
        raise UsageError(f"A {model.family.name} model cannot encode pictures; use a model of the family vae.")
    return model.family


@torch.no_grad()
def encode(model: Model, x: Tensor) -> Tensor:
    """(N, C, H, W) in [-1, 1] -> latents."""
    return encoder(model).encode(model.painter, x).cpu()


def seen(model: Model, path: str | Path) -> Tensor:
    """A picture file as the model sees it: (1, C, H, W) in [-1, 1]."""
    size, channels = model.config.size, model.config.channels  # type: ignore[attr-defined]
    array = fit_square(read(Path(path)), size)
    x = to_float(torch.from_numpy(array.copy()).permute(2, 0, 1)[None])
    return x.mean(1, keepdim=True) if channels == 1 else x


def arrays(pictures: Tensor) -> np.ndarray:
    """(N, C, H, W) in [-1, 1] -> (N, H, W, 3) uint8."""
    return to_arrays(pictures).numpy()


def request_of(wish: Wish, labels: Sequence[int | None]) -> PaintRequest:
    return PaintRequest(tuple(labels), wish.sampler, wish.steps, wish.guidance)


def recipe(model: Model, wish: Wish, seed: int, label: int | None) -> Recipe:
    side = model.config.size  # type: ignore[attr-defined]
    how = model.family.how(model.config, request_of(wish, [label]))
    name = model.labels[label] if label is not None and label < len(model.labels) else None
    return Recipe(model.card.name, model.hash, model.card.family, seed, (side, side), name, version=__version__, **how)


def wanted_labels(model: Model, wish: Wish, seeds: Sequence[int]) -> list[int | None]:
    """One class per picture: the one asked for, or by the seed, all in turn; None for a model without classes."""
    if wish.label is not None:
        if "label" not in model.family.takes(model.config):
            raise UsageError(f"The model '{model.card.name}' does not paint by label; leave --label out.")
        return [label_index(model.labels, wish.label)] * len(seeds)
    heeded = "label" in model.family.takes(model.config)
    return [seed % model.classes if heeded else None for seed in seeds]


def check_wish(model: Model, wish: Wish) -> None:
    """UsageError for a wish that this kind of model does not heed."""
    heeded = model.family.takes(model.config)
    for name in ("sampler", "steps", "guidance"):
        if getattr(wish, name) is not None and name not in heeded:
            raise UsageError(f"The model '{model.card.name}' ({model.family.name}) has no {name}; leave --{name} out.")


def check_count(n: int, seed: int) -> None:
    if not 1 <= n <= 1_000_000:
        raise UsageError(f"{n} pictures are not possible; choose 1 to 1,000,000.")
    if not 0 <= seed < 2**62:
        raise UsageError(f"The seed {seed} is not possible; choose 0 to 2**62 - 1.")


def _start(model: Model, wish: Wish, stop: int | str | Path, label: int | None) -> Tensor:
    if isinstance(stop, int):
        generators = picture_generators(stop, 1)
        return model.family.start(model.painter, model.config, request_of(wish, [label]), generators)
    return encode(model, seen(model, stop))


@torch.no_grad()
def _finish(model: Model, wish: Wish, start: Tensor, label: int | None) -> Tensor:
    request = request_of(wish, [label] * len(start))
    generators = picture_generators(0, len(start))
    return model.family.finish(model.painter, model.config, request, start, generators).float().cpu()
