"""danqing evaluate clipart: how well the painter of words obeys, as tables and sheets."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from danqing.cli.files import made, place
from danqing.cli.options import model_folder
from danqing.cli.words import Talk, json_text

if TYPE_CHECKING:
    from danqing.api.painter_report import PainterReport, Score, Share, Shown

HELD = ("held out", "painted from", "pictures", "R@1", "R@5", "R@5, 95 %", "all words known")
FAR = ("painted from", "measure", "value", "95 % interval", "real against real")
COMPOSED = ("combination", "from", "R@5", "R@5 of the second", "colour", "by luck")
COLUMNS = ("real", "its embedding", "English words", "Chinese words")


def evaluate_clipart(
    talk: Talk, model: str | None, limit: int, seed: int, out: Path | None, sheet: bool
) -> dict[str, Any]:
    """Judge a painter, its own unless another is named; files only where a folder is named or a sheet is wanted."""
    from danqing.api.judging_painter import evaluate_painter
    from danqing.api.studios import load_painter

    studio = load_painter(None if model is None else model_folder(model))
    report = talk.follow(evaluate_painter(studio, limit=limit, seed=seed))
    document = {"limit": limit, **report.plain()}
    if out or sheet:
        folder = made(out) if out else place(None, studio.folder)[0]
        sheets = write_sheets(report, folder) if sheet else []
        document |= {"report": folder / "clipart.json", "sheets": sheets}
        from danqing.images.writing import write_atomic

        write_atomic(folder / "clipart.json", json_text(document).encode())
        talk.note(f"The report is in {folder / 'clipart.json'}.")
    show(talk, report)
    return document


def show(talk: Talk, report: "PainterReport") -> None:
    """Everything as tables, what to beware of below them."""
    from danqing.api.painter_report import SOURCES, SPLITS

    talk.table(HELD, [held_line(row) for row in report.rows], numbers=HELD[2:])
    columns = [(split, source) for split in SPLITS for source in SOURCES]
    heads = ("R@5 by style", *(f"{split}: {source}" for split, source in columns))
    talk.say("")
    talk.table(heads, style_lines(report.styles, columns), numbers=heads[1:])
    if report.distances:
        talk.say("")
        lines = [
            (far.source, far.row.label, f"{far.row.value:.4g}", f"{far.row.low:.4g} to {far.row.high:.4g}",
             f"{far.row.floor:.4g}")
            for far in report.distances
        ]  # fmt: skip
        talk.table(FAR, lines, numbers=FAR[2:])
    talk.say("")
    talk.table(COMPOSED, composed_lines(report), numbers=COMPOSED[2:])
    if report.copies:
        talk.say("")
        talk.say(copies_sentence(report))
    for text in report.notes:
        talk.note(text)


def held_line(row: "Score") -> tuple[str, ...]:
    from danqing.api.painter_report import SPLITS

    interval = f"{row.r5.low:.0%} to {row.r5.high:.0%}"
    known = "" if row.understood is None else f"{row.understood:.0%}"
    return (SPLITS[row.split], row.source, str(row.r5.count), f"{row.r1.value:.1%}", f"{row.r5.value:.1%}", interval,
            known)  # fmt: skip


def style_lines(scores: Sequence["Score"], columns: Sequence[tuple[str, str]]) -> list[tuple[str, ...]]:
    """A row for each style, its R@5 in a column for each split and source."""
    found = {(row.style, row.split, row.source): f"{row.r5.value:.0%} of {row.r5.count}" for row in scores}
    styles = sorted({row.style for row in scores})
    return [(style, *(found.get((style, *column), "-") for column in columns)) for style in styles]


def composed_lines(report: "PainterReport") -> list[tuple[str, ...]]:
    return [
        (row.kind, row.source, f"{row.first.value:.0%} of {row.first.count}",
         f"{row.second.value:.0%}" if row.second else "-", percent(row.colour), percent(row.other_colour))
        for row in report.composed
    ]  # fmt: skip


def percent(share: "Share | None") -> str:
    return "-" if share is None else f"{share.value:.0%}"


def copies_sentence(report: "PainterReport") -> str:
    assert report.copies
    found = report.copies
    return (
        f"Copies: {found.above.value:.1%} of {found.above.count} painted pictures are more like a training picture "
        f"than {found.threshold:.3f} (99 of 100 real held-out pictures are below); "
        f"the median is {found.median:.3f}, of real ones {found.real_median:.3f}."
    )


# Sheets.


def write_sheets(report: "PainterReport", folder: Path) -> list[Path]:
    """clipart-sheet.png and, where copies were looked for, clipart-nearest.png."""
    files = [draw(report.sheet, COLUMNS, folder / "clipart-sheet.png")]
    if report.closest:
        files.append(draw(report.closest, ("painted", "nearest training"), folder / "clipart-nearest.png"))
    return files


def draw(rows: Sequence["Shown"], heads: Sequence[str], path: Path) -> Path:
    """A row of pictures for each, its caption on the left; white where there is none."""
    import numpy as np
    from PIL import Image

    from danqing.images.sheets import sheet
    from danqing.images.writing import write_array

    side = max(len(picture) for row in rows for picture in row.pictures if picture is not None)
    empty = np.full((side, side, 3), 255, np.uint8)
    pictures = [empty if picture is None else picture for row in rows for picture in row.pictures]
    cells = [np.array(Image.fromarray(picture).resize((side, side))) for picture in pictures]
    write_array(sheet(cells, len(heads), 4, 1, [row.caption for row in rows], heads), path)
    return path
