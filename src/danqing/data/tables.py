"""Which file has which label: from the first level of sub-folders, or from a table beside the pictures."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from danqing.data.shelves import Shelf
from danqing.errors import BadInputError

TABLES = ("labels.csv", "metadata.csv")
FILE_COLUMNS = ("file", "file_name", "filename")
LABEL_COLUMNS = ("label", "class")


@dataclass(frozen=True)
class Labels:
    """Names of labels, sorted, and the number of the label of every file."""

    names: tuple[str, ...]
    of: Mapping[str, int]

    def only(self, files: Sequence[str]) -> Labels:
        """The same for fewer files; labels without a file are dropped."""
        return numbered({file: self.names[self.of[file]] for file in files})


def numbered(words: Mapping[str, str]) -> Labels:
    """file -> label in words, to numbers in the order of the sorted words."""
    names = tuple(sorted(set(words.values())))
    places = {name: place for place, name in enumerate(names)}
    return Labels(names, {file: places[word] for file, word in words.items()})


def from_folders(files: Sequence[str]) -> Labels | None:
    """Labels where every file lies in a sub-folder and there are two or more of these; else None.

    One folder around everything, as zips often have, is looked through.
    """
    paths = [PurePosixPath(file).parts for file in files]
    if paths and all(len(parts) > 2 for parts in paths) and len({parts[0] for parts in paths}) == 1:
        paths = [parts[1:] for parts in paths]
    if any(len(parts) < 2 for parts in paths) or len({parts[0] for parts in paths}) < 2:
        return None
    return numbered({file: parts[0] for file, parts in zip(files, paths, strict=True)})


def from_table(shelf: Shelf, table: str, files: Sequence[str], left_out: Counter[str]) -> Labels:
    """Labels from a CSV in UTF-8 with the columns file,label; paths in it start at the table's own folder.

    Files and rows without a partner are counted in `left_out`. Raises BadInputError for a table of another kind.
    """
    where = PurePosixPath(table).parent
    words = {str(where / row[0].replace("\\", "/")): row[1] for row in _rows(shelf, table)}
    here = set(files)
    _count(left_out, f"not listed in {table}", len(here - words.keys()))
    _count(left_out, f"listed in {table} but not there", len(words.keys() - here))
    _count(left_out, f"without a label in {table}", sum(file in here and not word for file, word in words.items()))
    return numbered({file: word for file, word in words.items() if word and file in here})


def _count(left_out: Counter[str], reason: str, number: int) -> None:
    if number:
        left_out[reason] += number


def _rows(shelf: Shelf, table: str) -> list[tuple[str, str]]:
    content = shelf.content(table)
    try:
        text = (content.read_bytes() if isinstance(content, Path) else content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(f"{table} in {shelf.title} is no CSV in UTF-8 ({error}); save it anew.") from None
    header = list(rows[0]) if rows else []
    file = next((name for name in FILE_COLUMNS if name in header), None)
    label = next((name for name in LABEL_COLUMNS if name in header), None)
    if file is None or label is None:
        raise BadInputError(f"{table} in {shelf.title} has the columns {header}; its first line must be file,label.")
    return [(row[file], (row[label] or "").strip()) for row in rows if row[file]]
