"""danqing search"""

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.options import Data
from danqing.cli.words import Talk


def search(
    talk: Talk,
    what: Annotated[str, typer.Argument(metavar="PRESET|FAMILY")],
    data: Data,
    hours: Annotated[float, typer.Option(help="Time for all trainings; a larger one goes on.")] = 1.0,
    minutes: Annotated[
        float | None, typer.Option(help="Of each training; the hours shared among twelve if left out.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; what is there is gone on with.")] = None,
    seed: Annotated[int, typer.Option(help="Everything that is chance follows from it.")] = 0,
) -> dict[str, Any]:
    """Look for better settings of a preset by many short trainings; a report card shows the best against the preset."""
    from danqing import api

    act = api.search(what, data, hours=hours, minutes=minutes, out=out, seed=seed)
    try:
        found = talk.follow(act, whole_steps=True)
    except KeyboardInterrupt:
        words = ["danqing", "search", what, str(data), "--hours", str(hours)]
        words += ["--minutes", str(minutes)] if minutes else []
        words += ["--out", str(out)] if out else []
        words += ["--seed", str(seed)] if seed else []
        raise KeyboardInterrupt(f"Stopped; what was tried is kept. Go on with: {shlex.join(words)}") from None
    rows = [(str(one.number), f"{one.score:.4g}" if one.score is not None else one.state, settings_of(one.settings))
            for one in sorted(found.trials, key=lambda one: (one.score is None, one.score))]  # fmt: skip
    talk.table(("training", "score, less is better", "factors on the preset"), rows)
    talk.say(f"The best is {found.folder}/trial-{found.best.number:03d}.")
    if found.card:
        talk.say(f"The report card is {found.card}.")
    return found.plain()


def settings_of(changed: Any) -> str:
    return ", ".join(f"{name} x {factor:.3g}" for name, factor in changed.items()) or "none"
