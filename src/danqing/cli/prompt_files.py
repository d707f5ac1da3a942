"""Files of prompts for `danqing paint --from-file`: CSV, a row for each prompt, with settings of its own."""

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from danqing.errors import BadInputError, NotFoundError, UsageError

TRUE, FALSE = {"1", "true", "yes", "y", "on", "是"}, {"0", "false", "no", "n", "off", "否"}


class Row(NamedTuple):
    """One line of the file."""

    where: str
    """for errors"""
    prompt: str
    values: dict[str, Any]
    """n, seed and whatever else the row says"""


def read_prompts(path: Path) -> list[Row]:
    """All rows. Raises NotFoundError, BadInputError or UsageError with the line."""
    from danqing.settings import check_names

    reader = csv.DictReader(io.StringIO(text_of(path), newline=""), skipinitialspace=True, strict=True)
    try:
        columns = [name.strip().lower().replace("-", "_") for name in reader.fieldnames or ()]
        check_names(columns, COLUMNS, str(path))
        if "prompt" not in columns:
            raise UsageError(f"{path} has no column 'prompt'; its first line names the columns, such as prompt,n,seed.")
        reader.fieldnames = columns
        rows = list(read_rows(reader, path))
    except csv.Error as error:
        raise BadInputError(f"{path}, line {reader.line_num}: this is no CSV ({error}); check the quotes.") from None
    if not rows:
        raise BadInputError(f"{path} holds no prompts; write one in each line below the first.")
    return rows


def read_rows(reader: "csv.DictReader[str]", path: Path) -> Iterator[Row]:
    for cells in reader:
        where = f"{path}, line {reader.line_num}"
        if None in cells:
            raise BadInputError(f"{where}: there are more cells than columns; put a prompt with commas in quotes.")
        given = {name: cell.strip() for name, cell in cells.items() if cell and cell.strip()}
        prompt = given.pop("prompt", "")
        yield Row(where, prompt, {name: value(name, cell, where, path.parent) for name, cell in given.items()})


def text_of(path: Path) -> str:
    """UTF-8, or what Chinese Windows writes."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}; check the name.") from None
    except OSError as error:
        raise BadInputError(f"{path} cannot be read ({error.strerror}); give a CSV file.") from None
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInputError(f"{path} is no text in UTF-8 or GB 18030; save it as one of them.")


def value(name: str, cell: str, where: str, home: Path) -> Any:
    """A cell as its column wants it; files are looked for beside the CSV."""
    kind = COLUMNS[name]
    try:
        return home / cell if kind is Path else kind(cell)
    except ValueError:
        wanted = "a whole number" if kind is int else "a number" if kind is float else "yes or no"
        raise UsageError(f"{where}: {name} is {wanted}, but '{cell}' came.") from None


def yes(cell: str) -> bool:
    """
    >>> yes("Yes"), yes("0")
    (True, False)
    """
    if cell.lower() not in TRUE | FALSE:
        raise ValueError(cell)
    return cell.lower() in TRUE


COLUMNS: dict[str, Callable[[str], Any]] = {
    "prompt": str, "n": int, "seed": int, "style": str, "steps": int, "guidance": float, "negative": str, "size": str,
    "sampler": str, "transparent": yes, "chaos": float, "tile": yes, "image": Path, "strength": float, "mask": Path,
    "add": yes, "layers": yes, "tries": int, "extend": int, "style_ref": Path, "image_prompt": Path, "then": str,
}  # fmt: skip
"""column -> how a cell is read; the names of api.paint"""
