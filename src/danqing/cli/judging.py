"""danqing evaluate"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.options import Data, Device, Guidance, ModelName, Sampler, Steps, opened
from danqing.cli.words import Talk, json_text

if TYPE_CHECKING:
    from danqing.evaluate.report import Row

HEADS = ("measure", "value", "95 % interval", "real against real", "better")


def evaluate(
    talk: Talk,
    model: ModelName,
    data: Data,
    n: Annotated[int, typer.Option("-n", help="How many pictures to paint and compare.")] = 2000,
    seed: Annotated[int, typer.Option(help="Another choice of pictures.")] = 0,
    sampler: Sampler = None,
    steps: Steps = None,
    guidance: Guidance = None,
    out: Annotated[Path | None, typer.Option(help="Write the report to this file as JSON.")] = None,
    device: Device = None,
) -> dict[str, Any]:
    """Judge a model against real pictures. Beside each figure stands what other real pictures would get."""
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
