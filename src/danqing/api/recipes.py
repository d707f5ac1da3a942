"""The way back: from a picture's recipe to the picture."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from danqing.api.act import Act, act
from danqing.api.commissions import Commission, from_recipe, weighted
from danqing.api.materials import Source, material
from danqing.api.models import Model, load
from danqing.api.orders import in_styles, orders
from danqing.api.painting import sample
from danqing.api.studios import any_painter
from danqing.api.texttopicture import fulfilled
from danqing.errors import BadInputError, UsageError
from danqing.families.pretrained.fingerprints import fingerprint
from danqing.families.pretrained.opening import PRETRAINED
from danqing.families.text2image.shipping import FAMILY
from danqing.home import PARTS, PARTS_SEVERAL
from danqing.images.reading import read_rgba
from danqing.images.writing import pixels_sha256, recipe_inside
from danqing.types import Picture, Progress, Recipe


@dataclass(frozen=True)
class Replayed:
    """A picture painted again."""

    picture: Picture
    same: bool
    """whether its pixels are those of the file"""


def info(picture: str | Path) -> Recipe:
    """How a picture was made. NotFoundError without a file, BadInputError where it holds no recipe."""
    return recipe_inside(Path(picture))


@act
def replay(
    picture: str | Path,
    model: str | Path | Model | Any = None,
    images: Sequence[Source] = (),
    parts: Sequence[str | Path] = (),
) -> Generator[Progress, None, Replayed]:
    """Paint a picture again from the recipe inside it: the same bytes, with the same weights on the same machine.

    `model`: what made it; None is the painter that comes with Danqing. `images`: the pictures it was made from, in
    any order. `parts`: LoRA and the like that are not among the models that were fetched. Raises UsageError for other
    weights, NotFoundError where a picture is missing.
    """
    recipe = info(picture)
    by_words = recipe.family in (FAMILY, PRETRAINED)
    again = yield from (painted_again if by_words else sampled_again)(recipe, model, images, parts)
    same = pixels_sha256(shown(again)) == pixels_sha256(read_rgba(Path(picture)))
    return Replayed(again, same)


def painted_again(
    recipe: Recipe, model: Any, images: Sequence[Source], parts: Sequence[str | Path]
) -> Generator[Progress, None, Picture]:
    if model is None and recipe.family == PRETRAINED:
        raise UsageError(f"The picture was made by '{recipe.model}' (pretrained); name that model with --model.")
    studio = any_painter(model)
    check_weights(recipe, studio.name, studio.hash)
    brought = {one.sha: one for one in map(material, images)}
    commission = located(from_recipe(recipe, brought), recipe, parts)
    wanted = orders(studio, commission, 1, recipe.seed)
    drawn = recipe.extra.get("drawn_as")
    free = commission.style is None and commission.style_ref is None
    if drawn and free and wanted[0].recipe.extra.get("drawn_as") != drawn:
        wanted = orders(studio, replace(commission, style=drawn), 1, recipe.seed)  # the painter's default was another
    if wanted[0].scene:
        wanted = [in_styles(studio, wanted[0], recipe.extra.get("reading", {}).get("drawn", ()))]
    if wanted[0].recipe.extra.get("parts") != recipe.extra.get("parts"):
        raise UsageError(f"The picture was made with {recipe.extra.get('parts')}; the files here are others.")
    made: dict[int, Picture] = {}
    yield from fulfilled(studio, wanted, made.__setitem__, "replay")
    return made[0]


def located(commission: Commission, recipe: Recipe, parts: Sequence[str | Path]) -> Commission:
    """With the paths of files that a recipe knows by name and hash; what was not brought is looked for by name."""
    known = recipe.extra.get("parts", [])
    shas = {sha for _, sha in known} if all(len(one) == 2 for one in known) else set()
    at = {sha: str(path) for path in map(Path, parts) if (sha := fingerprint(path)[:12]) in shas}
    rest = [(name, sha) for name, sha in known] if shas else []
    by_name = {path.name: str(path) for path in map(Path, parts)}

    def place(text: str) -> str:
        name, weight = weighted(text)
        if Path(name).name != name or name.startswith("."):
            raise BadInputError(
                f"The recipe inside the picture names a path ({name[:40]}), not a file; it is not opened."
            )
        entry = next((one for one in rest if name in (one[0], Path(one[0]).stem)), ("", ""))
        if entry in rest:
            rest.remove(entry)
        return at.get(entry[1], by_name.get(entry[0], name)) + ("" if weight is None else f":{weight:g}")

    found: dict[str, Any] = {name: tuple(map(place, getattr(commission, name))) for name in PARTS_SEVERAL}
    found |= {name: place(text) for name in PARTS if (text := getattr(commission, name))}
    return replace(commission, **found)


def sampled_again(
    recipe: Recipe, model: Any, images: Sequence[Source], parts: Sequence[str | Path]
) -> Generator[Progress, None, Picture]:
    """Only a sample can be replayed from seed and settings."""
    if model is None:
        raise UsageError(f"The picture was made by '{recipe.model}' ({recipe.family}); name that model with --model.")
    opened = model if isinstance(model, Model) else load(model)
    if recipe.extra:
        raise UsageError(f"This picture is no sample but was made with {dict(recipe.extra)}; run that command again.")
    check_weights(recipe, opened.card.name, opened.hash)
    heeded = opened.family.takes(opened.config)
    wishes = {name: getattr(recipe, name) for name in ("label", "sampler", "steps", "guidance") if name in heeded}
    again: Act[list[Picture]] = sample(opened, 1, recipe.seed, **wishes)
    yield from again
    return again.result()[0]


def check_weights(recipe: Recipe, name: str, sha: str) -> None:
    if recipe.model_hash != sha:
        raise UsageError(
            f"The picture was made by '{recipe.model}' with the weights {recipe.model_hash}, "
            f"'{name}' has {sha}; name the model that made it."
        )


def shown(picture: Picture) -> Any:
    """(H, W, 4), as the file is read."""
    return material(picture).rgba
