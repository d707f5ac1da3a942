"""danqing reconstruct, danqing edit: for models that can encode pictures"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.files import described, place, write_pictures, write_sheet
from danqing.cli.options import Device, ModelName, Out, Sheet, model_folder, opened
from danqing.cli.words import Talk

if TYPE_CHECKING:
    from danqing.types import Picture

ACROSS = 10
"""pictures in a row of a sheet of reconstructions"""
STRENGTHS = [0.0, 0.5, 1.0, 1.5]


def reconstruct(
    talk: Talk,
    model: ModelName,
    pictures: Annotated[list[Path], typer.Argument(metavar="PICTURES…", help="Picture files.")],
    out: Out = None,
    device: Device = None,
) -> dict[str, Any]:
    """Encode pictures and paint them again. On the sheet originals are above, reconstructions below."""
    from danqing import api

    pairs = talk.follow(api.reconstruct(opened(model, device), pictures))
    folder, name = place(out, model_folder(model))
    again = [pair[1] for pair in pairs]
    paths = write_pictures(again, folder, [f"{name}-again-{number}" for number in range(len(again))])
    across = min(ACROSS, len(pairs))
    captions = ["original", "again"] * -(-len(pairs) // across)
    board = write_sheet(two_rows(pairs, across), folder / "reconstruction.png", columns=across, row_captions=captions)
    talk.say(f"Originals and reconstructions are on {board}.")
    return {"pictures": described(again, paths), "originals": pictures, "sheet": board}


def two_rows(pairs: list[tuple["Picture", "Picture"]], across: int) -> list["Picture"]:
    """`across` originals, below them their reconstructions, and so on; white where a row is not full."""
    white = replace(pairs[0][0], pixels=pairs[0][0].pixels * 0 + 255)
    full = [*pairs, *[(white, white)] * (-len(pairs) % across)]
    return [
        pair[side] for first in range(0, len(full), across) for side in (0, 1) for pair in full[first : first + across]
    ]


def edit(
    talk: Talk,
    model: ModelName,
    picture: Annotated[Path, typer.Argument(help="A picture file.")],
    add: Annotated[str | None, typer.Option(metavar="LABEL", help="Move towards this class.")] = None,
    subtract: Annotated[str | None, typer.Option(metavar="LABEL", help="Move away from this class.")] = None,
    strength: Annotated[list[float], typer.Option(help="How far; may be given several times.")] = STRENGTHS,
    out: Out = None,
    sheet: Sheet = True,
    device: Device = None,
) -> dict[str, Any]:
    """Move a picture from one class to another. Each strength gives a picture."""
    from danqing import api

    pictures = talk.follow(api.edit(opened(model, device), picture, add, subtract, strength))
    folder, name = place(out, model_folder(model))
    paths = write_pictures(pictures, folder, [f"{name}-edit-{picture.stem}-{number:g}" for number in strength])
    captions = [f"{number:g}" for number in strength]
    board = folder / "edit.png" if sheet else None
    if board:
        write_sheet(pictures, board, columns=len(captions), column_captions=captions)
    talk.say(f"{len(paths)} edits in {folder}" + (f", all on {board}." if board else "."))
    return {"pictures": described(pictures, paths), "sheet": board}
