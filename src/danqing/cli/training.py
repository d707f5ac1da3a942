"""danqing train"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from danqing.cli.options import Data, Device, checked_device, complete_presets
from danqing.cli.words import Talk

if TYPE_CHECKING:
    from danqing.api import Trained

Watch = Literal["off", "warn", "act"]
What = Annotated[
    str,
    typer.Argument(
        metavar="PRESET|FAMILY",
        help="A preset, or a family whose preset is chosen by the size of the pictures (danqing presets list).",
        autocompletion=complete_presets,
    ),
]


def train(
    talk: Talk,
    what: What,
    data: Data,
    minutes: Annotated[float | None, typer.Option(help="Budget in minutes; the preset's own if none is given.")] = None,
    steps: Annotated[int | None, typer.Option(help="Budget in steps.")] = None,
    pictures: Annotated[int | None, typer.Option(help="Budget in pictures seen.")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder of the model; runs/PRESET-DATA if left out.")] = None,
    set: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help="One setting of the preset.")] = None,
    seed: Annotated[int, typer.Option(help="Everything that is chance follows from it.")] = 0,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an unfinished training.")] = False,
    device: Device = None,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Log for TensorBoard too.")] = False,
    doctor: Annotated[
        Watch | None,
        typer.Option(help="What the doctor does about a sick training: nothing, say so (the default), or treat it."),
    ] = None,
) -> dict[str, Any]:
    """Train a model on pictures. Ctrl+C keeps everything, --resume goes on."""
    from danqing import api
    from danqing.settings import parse_assignment

    settings = dict(map(parse_assignment, set or []))
    budget = {"minutes": minutes, "steps": steps, "pictures": pictures}
    act = api.train(
        what, data, **budget, out=out, set=settings, seed=seed, resume=resume,  # type: ignore[arg-type]
        device=checked_device(device), tensorboard=tensorboard, doctor=doctor,
    )  # fmt: skip
    try:
        trained = talk.follow(act, whole_steps=True)
    except KeyboardInterrupt:
        again = shlex.join(
            [
                "danqing",
                "train",
                what,
                data,
                *put_back(out, set or []),
                *(["--doctor", doctor] if doctor else []),
                "--resume",
            ]
        )
        raise KeyboardInterrupt(f"Stopped; what was learned is kept. Go on with: {again}") from None
    talk.say(f"The model is in {trained.folder}, samples of it in {trained.sheet}.")
    talk.note(f"Paint with it: danqing sample {shlex.quote(str(trained.folder))}")
    return document(trained)


def put_back(out: Path | None, settings: list[str]) -> list[str]:
    """The options that a resumed training needs again."""
    return [*(["--out", str(out)] if out else []), *(word for one in settings for word in ("--set", one))]


def document(trained: "Trained") -> dict[str, Any]:
    card = trained.model.card
    keys = ("name", "family", "preset", "seed", "steps", "pictures_seen", "seconds", "parameters")
    known = {key: getattr(card, key) for key in keys}
    return {**known, "folder": trained.folder, "sheet": trained.sheet, "hash": trained.model.hash,
            "message": trained.message}  # fmt: skip
