"""What people wrote about their pictures: captions in a table or in a text file of the same name."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from danqing.data.shelves import Shelf
from danqing.data.tables import FILE_COLUMNS, TABLES
from danqing.errors import BadInputError

CAPTION_COLUMNS = ("caption", "text", "prompt")
LARGEST = 10_000
"""bytes of a caption's file"""


def captions_of(shelf: Shelf, names: Sequence[str]) -> dict[str, str]:
    """picture -> its caption; "" where the table has an empty one."""
    beside = {PurePosixPath(name).with_suffix(""): name for name in names if name.endswith(".txt")}
    found = {}
    for name in names:
        note = beside.get(PurePosixPath(name).with_suffix(""))
        if note and not name.endswith(".txt"):
            found[name] = text_of(shelf, note)[:LARGEST].strip()
    return {**_from_tables(shelf, names), **found}


def _from_tables(shelf: Shelf, names: Sequence[str]) -> dict[str, str]:
    """Of every table that has captions."""
    found: dict[str, str] = {}
    for table in (name for name in names if PurePosixPath(name).name.casefold() in TABLES):
        try:
            rows = list(csv.DictReader(io.StringIO(text_of(shelf, table), newline="")))
        except csv.Error as error:
            raise BadInputError(f"{table} in {shelf.title} is no CSV ({error}); save it anew.") from None
        file, caption = (
            next((c for c in columns if rows and c in rows[0]), None) for columns in (FILE_COLUMNS, CAPTION_COLUMNS)
        )
        if file and caption:
            where = PurePosixPath(table).parent
            cells = ((row[file], (row[caption] or "").strip()) for row in rows if row[file])
            found.update((str(where / name.replace("\\", "/")), words) for name, words in cells)
    return found


def text_of(shelf: Shelf, name: str) -> str:
    content = shelf.content(name)
    try:
        return (content.read_bytes() if isinstance(content, Path) else content).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError(f"{name} in {shelf.title} is no text in UTF-8 ({error}); save it anew.") from None
