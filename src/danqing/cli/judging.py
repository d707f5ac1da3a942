"""danqing evaluate"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.options import Device, Guidance, ModelName, Sampler, Steps, complete_models, complete_paths, opened
from danqing.cli.words import Talk, json_text
from danqing.errors import UsageError

if TYPE_CHECKING:
    from danqing.evaluate.report import Row

HEADS = ("measure", "value", "95 % interval", "real against real", "better")
CLIPART = "clipart"
"""in place of a model: the painter of words, judged on the clip-art set"""


def evaluate(
    talk: Talk,
    model: ModelName,
    data: Annotated[
        str | None,
        typer.Argument(
            metavar="DATA",
            help="A folder, a .zip, an .npz or a named source; none for clipart.",
            autocompletion=complete_paths,
        ),
    ] = None,
    n: Annotated[
        int, typer.Option("-n", help="How many pictures to paint and compare; clipart: at most so many of each kind.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Another choice of pictures.")] = 0,
    sampler: Sampler = None,
    steps: Steps = None,
    guidance: Guidance = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the report to this file as JSON; clipart: into this folder.")
    ] = None,
    painter: Annotated[
        str | None,
        typer.Option(
            "--model", help="clipart: a painter's folder; Danqing's own if left out.", autocompletion=complete_models
        ),
    ] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="clipart: also sheets to look at.")] = False,
    device: Device = None,
) -> dict[str, Any]:
    """Judge a model against real pictures. Beside each figure stands what other real pictures would get.

    `danqing evaluate clipart` judges the painter of words by what it never saw of the clip-art set.
    """
    if model == CLIPART and data is None:
        if any(value is not None for value in (sampler, steps, guidance, device)):
            raise UsageError(
                "A painter is judged as it paints by default; leave --sampler, --steps, --guidance, --device out."
            )
        from danqing.cli.judging_painter import evaluate_clipart

        return evaluate_clipart(talk, painter, n, seed, out, sheet)
    if data is None:
        raise UsageError("Name the data to compare with, such as fashion-mnist or a folder of pictures.")
    if painter is not None or sheet:
        raise UsageError("--model and --sheet belong to 'danqing evaluate clipart'; leave them out here.")
    from danqing import api

    act = api.evaluate(opened(model, device), data, n, seed, sampler, steps, guidance)
    report = talk.follow(act)
    document = {"model": model, "data": data, **report.plain()}
    if out:
        from danqing.images.writing import write_atomic

        write_atomic(out, json_text(document).encode())
        talk.note(f"The report is in {out}.")
    talk.table(HEADS, [line(row) for row in report.rows], numbers=HEADS[1:4])
    for text in report.notes:
        talk.note(text)
    return document


def line(row: "Row") -> tuple[str, ...]:
    """A row of the report as words."""
    interval = f"{row.low:.4g} to {row.high:.4g}"
    return row.label, f"{row.value:.4g}", interval, f"{row.floor:.4g}", "higher" if row.higher_is_better else "lower"
