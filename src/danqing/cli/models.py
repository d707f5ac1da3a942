"""danqing models list, danqing models show"""

from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.options import RUNS, ModelName, model_folder
from danqing.cli.words import Talk, plain_text
from danqing.errors import DanqingError

HEADS = ("model", "preset", "data", "size", "steps", "pictures", "time")


def list_models(
    talk: Talk, folder: Annotated[Path, typer.Argument(help="Where to look, two levels deep.")] = RUNS
) -> dict[str, Any]:
    """List the models at or below a folder."""
    from danqing.api.models import find

    found = [row(path) for path in find(folder)]
    cards = [card for card in found if "error" not in card]
    for broken in (card for card in found if "error" in card):
        talk.note(broken["error"])
    if cards:
        talk.table(HEADS, [line(card) for card in cards], numbers=HEADS[3:])
    else:
        talk.note(f"There is no model in {folder} yet; make one: danqing train diffusion fashion-mnist")
    return {"models": found}


def row(path: Path) -> dict[str, Any]:
    """The card of a model with its folder, or why it cannot be read."""
    from danqing.checkpoint import read_card

    try:
        return {"folder": path, **read_card(path).plain()}
    except DanqingError as error:
        return {"folder": path, "error": str(error)}


def line(card: dict[str, Any]) -> tuple[str, ...]:
    from danqing.cli.drawing import duration

    figures = (card["config"].get("size"), card["steps"], card["pictures_seen"])
    return (str(card["folder"]), card["preset"], card["data"].get("name", "-"), *map(plain_text, figures),
            duration(card["seconds"]))  # fmt: skip


def show_model(talk: Talk, model: ModelName) -> dict[str, Any]:
    """Show the card of a model. Settings, data, licence, training, figures."""
    from danqing.checkpoint import read_card

    folder = model_folder(model)
    card = read_card(folder).plain()
    talk.facts(card)
    return {"folder": folder, **card}
