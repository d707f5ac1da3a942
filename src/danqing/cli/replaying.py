"""danqing info, danqing replay: the recipe inside a picture"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import made, write_pictures
from danqing.cli.options import PICTURES, Device, complete_models, complete_paths, model_folder, opened
from danqing.cli.words import Talk
from danqing.errors import UsageError

if TYPE_CHECKING:
    from danqing.types import Recipe

File = Annotated[Path, typer.Argument(metavar="PICTURE", help="A PNG that Danqing made.")]


def info(talk: Talk, picture: File) -> dict[str, Any]:
    """Show how a picture was made."""
    from danqing.images.writing import recipe_inside

    recipe = recipe_inside(picture)
    facts = recipe.plain() | {"seed": str(recipe.seed)}
    extra = dict(facts.pop("extra"))
    words = extra.pop("reading", {}).get("words", ())
    talk.facts(facts | extra | ({"understood": [understood(word) for word in words]} if words else {}))
    return recipe.plain()


def understood(word: dict[str, Any]) -> str:
    """A word of the truth light.

    >>> understood({"text": "kitty", "how": "near", "near": "cat"}), understood({"text": "qux", "how": "ignored"})
    ('kitty→cat', 'qux (ignored)')
    """
    notes = {"near": f"→{word.get('near')}", "ignored": " (ignored)"}
    return f"{word['text']}{notes.get(word['how'], '')}"


def replay(
    talk: Talk,
    picture: File,
    model: Annotated[
        str | None,
        typer.Option(help="The model that made it; for prompts Danqing's own if left out.",
                     autocompletion=complete_models),
    ] = None,
    image: Annotated[
        list[Path] | None,
        typer.Option(metavar="PICTURE", help="A picture it was made from; may be given several times.",
                     autocompletion=complete_paths),
    ] = None,
    part: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A LoRA or the like it was made with; may be given several times.",
                     autocompletion=complete_paths),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the picture; pictures/MODEL if left out.")] = None,
    device: Device = None,
) -> dict[str, Any]:  # fmt: skip
    """Paint a picture again from its recipe. The same model on the same machine gives the same pixels."""
    from danqing.images.writing import recipe_inside

    recipe = recipe_inside(picture)
    named = model_of(recipe, model, device)
    from danqing import api

    again = talk.follow(api.replay(picture, named, image or [], part or []))
    folder = made(PICTURES / recipe.model if out is None else out)
    path = write_pictures([again.picture], folder, [f"{picture.stem}-again"])[0]
    told = "the same pixels" if again.same else "not the same pixels; another machine or version made it"
    talk.say(f"{path}: {told}.")
    return {"file": path, "same": again.same, "recipe": again.picture.recipe.plain()}


def model_of(recipe: "Recipe", model: str | None, device: str | None) -> Any:
    """A painter's folder, or another model on the device that was asked for."""
    if recipe.prompt is None:
        return None if model is None else opened(model, device)
    if device not in (None, "cpu"):
        raise UsageError(f"Prompts are painted on the CPU, not on '{device}'; leave --device out.")
    return None if model is None else model_folder(model)
