"""The files of the set, but for the pictures themselves."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from danqing.data.clipart.holding_out import chance
from danqing.data.clipart.reading import FORMAT
from danqing.data.clipart.rendering import SIDE, over_white, resvg
from danqing.data.clipart.rows import Row
from danqing.errors import DiskError
from danqing.images.sheets import sheet
from danqing.images.writing import write_array

HEADER = 128
"""bytes before the pictures in pictures.npy"""
COUNTED = ("source", "style", "licence", "kind", "split", "zh_from", "name_from")
ON_SHEET = 10
"""pictures of each style"""
NEVER = (
    "Tux Paint's stamps (GPL), Pysiogame's pictures (their licence contradicts itself) and GCompris (some are GPL) "
    "are not taken."
)


def write_header(file: BinaryIO, count: int) -> None:
    """NumPy's header, in the place that was kept for it before the pictures."""
    memory = io.BytesIO()
    npy.write_array_header_1_0(
        memory, {"descr": "|u1", "fortran_order": False, "shape": (count, SIDE, SIDE, 4)}
    )  # fmt: skip
    if len(memory.getvalue()) != HEADER:
        raise DiskError(f"NumPy's header has {len(memory.getvalue())} bytes and {HEADER} were kept free; report this.")
    file.seek(0)
    file.write(memory.getvalue())


def write_tables(folder: Path, rows: Sequence[Row], svgs: Sequence[str]) -> None:
    """captions.jsonl, sources.tsv and vectors.jsonl.gz, whose bytes depend on the rows alone."""
    (folder / "captions.jsonl").write_text("".join(f"{row.line()}\n" for row in rows), encoding="utf-8")
    table = [("id", "source", "licence", "author"), *((row.id, row.source, row.licence, row.author) for row in rows)]
    (folder / "sources.tsv").write_text("".join("\t".join(line) + "\n" for line in table), encoding="utf-8")
    with ExitStack() as stack:
        raw = stack.enter_context((folder / "vectors.jsonl.gz").open("wb"))
        file = stack.enter_context(gzip.GzipFile("", "wb", 6, raw, mtime=0))
        for row, svg in zip(rows, svgs, strict=True):
            file.write(json.dumps({"id": row.id, "svg": svg}, ensure_ascii=False).encode() + b"\n")


def write_sheet(folder: Path, rows: Sequence[Row]) -> None:
    """sheet.png: some of each style, a style a line."""
    pictures = np.load(folder / "pictures.npy", mmap_mode="r")
    styles = list(dict.fromkeys(row.style for row in rows))
    empty = np.full((SIDE, SIDE, 3), 255, np.uint8)
    cells = []
    for style in styles:
        order = sorted((chance("sheet", row.id), place) for place, row in enumerate(rows) if row.style == style)
        some = [over_white(pictures[place]) for _, place in order[:ON_SHEET]]
        cells += some + [empty] * (ON_SHEET - len(some))
    if cells:
        write_array(sheet(cells, columns=ON_SHEET, gap=8, row_captions=styles), folder / "sheet.png")


def write_card(folder: Path, rows: Sequence[Row], notes: Mapping[str, Any]) -> None:
    """card.json: counts, packages, what was left out and why, checksums."""
    card = {
        "format": FORMAT,
        "name": "clipart",
        "pictures": len(rows),
        "size": SIDE,
        "counts": {key: dict(sorted(Counter(getattr(row, key) for row in rows).items())) for key in COUNTED},
        **notes,
        "never_taken": NEVER,
        "resvg_py": resvg().__version__,
        "sha256": {name: sha256(folder / name) for name in ("pictures.npy", "captions.jsonl")},
    }
    (folder / "card.json").write_text(json.dumps(card, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
