"""danqing info, danqing replay: the recipe inside a picture"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import place, write_pictures
from danqing.cli.options import Device, model_folder, opened
from danqing.cli.options import complete_models as of_models
from danqing.cli.words import Talk
from danqing.errors import BadInputError, UsageError

if TYPE_CHECKING:
    from danqing.api import Model
    from danqing.types import Recipe

File = Annotated[Path, typer.Argument(metavar="PICTURE", help="A PNG that Danqing made.")]


def info(talk: Talk, picture: File) -> dict[str, Any]:
    """Show how a picture was made."""
    recipe = recipe_of(picture)
    talk.facts({name: value for name, value in recipe.plain().items() if name != "seed"} | {"seed": str(recipe.seed)})
    return recipe.plain()


def replay(
    talk: Talk,
    picture: File,
    model: Annotated[str, typer.Option(help="The model that made it.", autocompletion=of_models)],
    out: Annotated[Path | None, typer.Option(help="Folder for the picture; pictures/MODEL if left out.")] = None,
    device: Device = None,
) -> dict[str, Any]:
    """Paint a picture again from its recipe. The same model on the same machine gives the same pixels."""
    from danqing import api
    from danqing.images import read

    recipe, painter = recipe_of(picture), opened(model, device)
    check(recipe, painter)
    act = api.sample(painter, 1, recipe.seed, **wishes(recipe, painter))
    again = talk.follow(act)
    same = bool((again[0].pixels == read(picture)).all())
    folder, _ = place(out, model_folder(model))
    path = write_pictures(again, folder, [f"{picture.stem}-again"])[0]
    talk.say(f"{path}: {'the same pixels' if same else 'not the same pixels; another machine or version made it'}.")
    return {"file": path, "same": same, "recipe": again[0].recipe.plain()}


def recipe_of(picture: Path) -> "Recipe":
    from danqing.errors import NotFoundError
    from danqing.images import read_recipe

    if not picture.is_file():
        raise NotFoundError(f"There is no picture {picture}; check the path.")
    recipe = read_recipe(picture)
    if recipe is None:
        raise BadInputError(f"{picture} holds no recipe of Danqing; give a PNG that Danqing made.")
    return recipe


def wishes(recipe: "Recipe", model: "Model") -> dict[str, Any]:
    """What the recipe says of the things this kind of model heeds."""
    heeded = model.family.takes(model.config)
    return {name: getattr(recipe, name) for name in ("label", "sampler", "steps", "guidance") if name in heeded}


def check(recipe: "Recipe", model: "Model") -> None:
    """Only a sample can be replayed from seed and settings, and only with the weights that made it."""
    if recipe.extra:
        raise UsageError(f"This picture is no sample but was made with {dict(recipe.extra)}; run that command again.")
    if recipe.model_hash != model.hash:
        raise UsageError(
            f"The picture was made by '{recipe.model}' with the weights {recipe.model_hash}, "
            f"'{model.card.name}' has {model.hash}; name the model that made it."
        )
