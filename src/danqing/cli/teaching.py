"""danqing teach"""

from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.options import complete_models, complete_paths, model_folder
from danqing.cli.words import Talk
from danqing.limits import LESSON_MINUTES


def teach(
    talk: Talk,
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER",
            help="3 to 200 pictures of it; what each shows in metadata.csv or NAME.txt.",
            autocompletion=complete_paths,
        ),
    ],
    name: Annotated[
        list[str], typer.Option(metavar="WORD", help="What it is called; again for another spelling (bulu, 布噜).")
    ],
    base: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL",
            help="What is taught: a painter or a pretrained model; Danqing's own painter if left out.",
            autocompletion=complete_models,
        ),
    ] = None,
    minutes: Annotated[
        float, typer.Option(help="Of learning, at most; it ends before where nothing gets better.")
    ] = LESSON_MINUTES,
    out: Annotated[
        Path | None, typer.Option(help="Folder; one of that name in DANQING_HOME/models if left out.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything that is chance follows from it.")] = 0,
    again: Annotated[bool, typer.Option("--again", help="Write over what was taught there before.")] = False,
) -> dict[str, Any]:
    """Give a painter something new from a few pictures. Ctrl+C keeps what was learned so far."""
    from danqing import api
    from danqing.api.teaching import place
    from danqing.home import REPORT

    model = None if base is None else model_folder(base)
    act = api.teach(folder, name, base=model, minutes=minutes, out=out, seed=seed, again=again)
    report = place(name, out) / REPORT
    before = written(report)
    try:
        made = talk.follow(act, whole_steps=True)
    except KeyboardInterrupt:
        if written(report) == before:
            raise
        where = report.parent
        raise KeyboardInterrupt(f"Stopped by Ctrl+C; what was learned is kept in {where}.") from None
    talk.say(f"'{made.names[0]}' is taught; before and after: {made.sheet}. Paint with: {made.command}")
    return {"file": made.file, "names": list(made.names), "sheet": made.sheet, "report": made.report}


def written(report: Path) -> int:
    """When, 0 where it is not."""
    return report.stat().st_mtime_ns if report.exists() else 0
