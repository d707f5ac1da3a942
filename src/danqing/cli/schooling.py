"""danqing train-painter, danqing train-styler"""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.options import Device, checked_device
from danqing.cli.words import Talk


def train_painter(
    talk: Talk,
    recipe: Annotated[str, typer.Option(help="cpu, gpu, or FILE.toml[:NAME] of your own.")] = "cpu",
    part: Annotated[
        str, typer.Option(help="pool, captions, codec, prior, revised, decoder, painter, or all, one after the other.")
    ] = "all",
    minutes: Annotated[
        float | None, typer.Option(help="Budget of the codec, prior or decoder; the recipe's if none.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of all parts; what is there is gone on with.")] = Path(
        "runs/painter"
    ),
    data: Annotated[Path | None, typer.Option(help="Folder of the clip-art set, if not in its usual place.")] = None,
    start: Annotated[
        str | None, typer.Option(help="'shipped', or a painter's folder: go on from its weights, with the decoder.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything that is chance follows from it.")] = 0,
    device: Device = None,
) -> dict[str, Any]:
    """Make a painter that follows words, from the clip-art set. Ctrl+C keeps everything, the same command goes on."""
    from danqing import api

    act = api.train_painter(
        recipe, part=part, minutes=minutes, out=out, data=data, start=start, seed=seed, device=checked_device(device)
    )
    try:
        made = talk.follow(act, whole_steps=True)
    except KeyboardInterrupt:
        given = {"recipe": recipe, "part": part, "minutes": minutes, "out": out, "data": data, "start": start,
                 "seed": seed or None, "device": device}  # fmt: skip
        flags = [word for name, value in given.items() if value is not None for word in (f"--{name}", str(value))]
        again = shlex.join(["danqing", "train-painter", *flags])
        raise KeyboardInterrupt(f"Stopped; what was learned is kept. Go on with: {again}") from None
    talk.say(made.message)
    return {"folder": made.folder, "message": made.message}


def train_styler(
    talk: Talk,
    photos: Annotated[
        Path | None, typer.Argument(help="A folder of photos; the set of studies if left out.", show_default=False)
    ] = None,
    paintings: Annotated[
        Path | None, typer.Argument(help="A folder of paintings; the same.", show_default=False)
    ] = None,
    recipe: Annotated[str, typer.Option(help="cpu or gpu.")] = "cpu",
    minutes: Annotated[float | None, typer.Option(help="Budget; the recipe's if none, a larger one goes on.")] = None,
    out: Annotated[Path, typer.Option(help="Folder; what is there is gone on with.")] = Path("runs/styler"),
    seed: Annotated[int, typer.Option(help="Everything that is chance follows from it.")] = 0,
    device: Device = None,
) -> dict[str, Any]:
    """Teach the fast engine of stylize, which then paints any photo in any manner in one pass."""
    from danqing import api

    act = api.train_styler(
        photos, paintings, recipe, minutes=minutes, out=out, seed=seed, device=checked_device(device)
    )
    try:
        made = talk.follow(act, whole_steps=True)
    except KeyboardInterrupt:
        folders = [str(folder) for folder in (photos, paintings) if folder]
        words = ["danqing", "train-styler", *folders, "--recipe", recipe, "--out", str(out)]
        words += ["--seed", str(seed)] if seed else []
        words += ["--minutes", f"{minutes:g}"] if minutes else []
        raise KeyboardInterrupt(f"Stopped; what was learned is kept. Go on with: {shlex.join(words)}") from None
    talk.say(made.message)
    return {"folder": made.folder, "message": made.message}
