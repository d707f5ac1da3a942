"""The recipes of the fast engine, from recipes.toml."""

from collections.abc import Mapping
from importlib.resources import files

from danqing.families.style.teaching import TeachingRecipe
from danqing.settings import read, read_toml


def recipes() -> Mapping[str, TeachingRecipe]:
    text = files("danqing").joinpath("families", "style", "recipes.toml").read_text(encoding="utf-8")
    return {
        name: read(TeachingRecipe, row, f"recipes.toml, {name}")
        for name, row in read_toml(text, "recipes.toml").items()
    }
