"""danqing evaluate"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.options import Device, Guidance, Sampler, Steps, complete_models, complete_paths, opened
from danqing.cli.words import Talk, json_text
from danqing.errors import UsageError

if TYPE_CHECKING:
    from danqing.evaluate.report import Row

HEADS = ("measure", "value", "95 % interval", "real against real", "better")
CARD = Path("report-card.html")
CLIPART = "clipart"
"""in place of a model: the painter of words, judged on the clip-art set"""


def evaluate(
    talk: Talk,
    things: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL… DATA",
            help="One or several models, and a folder, a .zip, an .npz or a named source; or clipart alone.",
            autocompletion=complete_paths,
        ),
    ],
    n: Annotated[
        int, typer.Option("-n", help="How many pictures to paint and compare; clipart: at most so many of each kind.")
    ] = 2000,
    seed: Annotated[int, typer.Option(help="Another choice of pictures.")] = 0,
    sampler: Sampler = None,
    steps: Steps = None,
    guidance: Guidance = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the report to this file as JSON; clipart and --folds: into this folder."),
    ] = None,
    painter: Annotated[
        str | None,
        typer.Option(
            "--model", help="clipart: a painter's folder; Danqing's own if left out.", autocompletion=complete_models
        ),
    ] = None,
    sheet: Annotated[bool, typer.Option("--sheet", help="clipart: also sheets to look at.")] = False,
    page: Annotated[
        Path | None,
        typer.Option(help="Write a report card to this HTML file; of several models it is report-card.html by itself."),
    ] = None,
    folds: Annotated[
        int | None, typer.Option(help="Train the model's recipe anew so many times, each without another part of DATA.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(help="Of each of the trainings of --folds; the model's own if left out.")
    ] = None,
    fid: Annotated[
        bool, typer.Option("--fid", help="Also the FID of papers (extra fid; fetches Inception's weights once).")
    ] = False,
    device: Device = None,
) -> dict[str, Any]:
    """Judge a model against real pictures. Beside each figure stands what other real pictures would get.

    `danqing evaluate clipart` judges the painter of words by what it never saw of the clip-art set.
    """
    *models, data = things
    if not models and data == CLIPART:
        if any(value is not None for value in (sampler, steps, guidance, device, page)):
            raise UsageError(
                "A painter is judged as it paints by default; leave --sampler, --steps, --guidance, --device and "
                "--page out."
            )
        from danqing.cli.judging_painter import evaluate_clipart

        return evaluate_clipart(talk, painter, n, seed, out, sheet)
    if not models:
        raise UsageError("Name the data to compare with, such as fashion-mnist or a folder of pictures.")
    if painter is not None or sheet:
        raise UsageError("--model and --sheet belong to 'danqing evaluate clipart'; leave them out here.")
    if fid and (len(models) != 1 or folds or page):
        raise UsageError("--fid judges one model by itself; leave --folds and --page out.")
    if folds is None and minutes is not None:
        raise UsageError("--minutes belongs to --folds; leave it out here.")
    if folds is not None:
        if len(models) > 1 or any(value is not None for value in (sampler, steps, guidance, device, page)):
            raise UsageError("--folds takes one model, which paints as by default; leave --sampler to --page out.")
        return cross_validated(talk, models[0], data, folds, n, minutes, out, seed)
    if page or len(models) > 1:
        if any(value is not None for value in (sampler, steps, guidance, device)):
            raise UsageError("On a report card models paint as by default; leave --sampler to --device out.")
        return card(talk, models, data, n, seed, out, page or CARD)
    from danqing import api

    model = models[0]
    act = api.evaluate(opened(model, device), data, n, seed, sampler, steps, guidance, fid)
    report = talk.follow(act)
    document = {"model": model, "data": data, **report.plain()}
    if out:
        from danqing.images.writing import write_atomic

        write_atomic(out, json_text(document).encode())
        talk.note(f"The report is in {out}.")
    talk.table(HEADS, [line(row) for row in report.rows], numbers=HEADS[1:4])
    if report.fid is not None:
        talk.say(f"FID (Inception, {report.made_count:,} pictures): {report.fid:.4g}")
    for text in report.notes:
        talk.note(text)
    return document


def card(talk: Talk, models: list[str], data: str, n: int, seed: int, out: Path | None, page: Path) -> dict[str, Any]:
    """Models side by side, on a page and as JSON."""
    from danqing import api
    from danqing.images.writing import write_atomic

    again = ["danqing", "evaluate", *models, data, "-n", str(n), "--seed", str(seed), "--page", str(page)]
    made = talk.follow(api.report_card(models, data, n, seed, shlex.join(again)))
    write_atomic(page, made.html.encode())
    document = {"page": page, **made.plain()}
    if out:
        write_atomic(out, json_text(document).encode())
    found = [one.report.by_label() for one in made.models]
    known = {label: row for by in found for label, row in by.items()}
    heads = ("measure", *(one.name for one in made.models), "real against real")
    cells = [(label, *(f"{by[label].value:.4g}" if label in by else "-" for by in found), f"{row.floor:.4g}")
             for label, row in known.items()]  # fmt: skip
    talk.table(heads, cells, numbers=heads[1:])
    talk.say(f"The report card is {page}.")
    return document


def cross_validated(
    talk: Talk, model: str, data: str, folds: int, n: int, minutes: float | None, out: Path | None, seed: int
) -> dict[str, Any]:
    """The same figures of several trainings, their mean and how much they differ."""
    from danqing import api

    found = talk.follow(api.cross_validate(model, data, folds, n, minutes, out, seed), whole_steps=True).plain()
    rows = [
        (name, f"{row['mean']:.4g}", f"{row['deviation']:.2g}", *(f"{value:.4g}" for value in row["folds"]))
        for name, row in found["measures"].items()
    ]
    heads = ("measure", "mean", "deviation", *(f"fold {number + 1}" for number in range(folds)))
    talk.table(heads, rows, numbers=heads[1:])
    talk.note(f"The models are in {found['folders'][0]} and beside it; what is there already is gone on with.")
    return found


def line(row: "Row") -> tuple[str, ...]:
    """A row of the report as words."""
    interval = f"{row.low:.4g} to {row.high:.4g}"
    return row.label, f"{row.value:.4g}", interval, f"{row.floor:.4g}", "higher" if row.higher_is_better else "lower"
