"""The finished set, opened: pictures mapped into memory, rows in a list, vectors on demand."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from danqing.data.clipart.rendering import over_white
from danqing.data.clipart.rows import Row, read_row
from danqing.errors import BadInputError, NotFoundError
from danqing.home import danqing_home

FORMAT = 1


@dataclass(frozen=True, eq=False)
class Clipart:
    """N pictures, their rows in the same order, and the card of the set."""

    folder: Path
    pictures: np.ndarray
    """(N, 128, 128, 4) uint8, premultiplied alpha; mapped from the file, read-only"""
    rows: tuple[Row, ...]
    card: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def places(self) -> Mapping[str, int]:
        """id -> row"""
        return {row.id: place for place, row in enumerate(self.rows)}

    def chosen(self, split: str) -> np.ndarray:
        """(n,) int64: the rows of a split, "train", "name" or "pair"."""
        return np.flatnonzero([row.split == split for row in self.rows])

    def white(self, rows: Any) -> np.ndarray:
        """(n, 128, 128, 3) uint8: the pictures at `rows` over white."""
        return over_white(self.pictures[rows])

    def vectors(self) -> Iterator[str]:
        """The SVG of every row, in order; square, so that they can be rendered at any size."""
        with gzip.open(self.folder / "vectors.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)["svg"]


def clipart_folder() -> Path:
    return danqing_home() / "data" / "clipart"


def open_clipart(folder: Path | None = None) -> Clipart:
    """The set in `folder`, or in its usual place. Raises NotFoundError before it is built, BadInputError if broken."""
    folder = folder or clipart_folder()
    if not (folder / "card.json").is_file():
        raise NotFoundError("The clip-art set has not been built; run: danqing data build clipart")
    try:
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        with (folder / "captions.jsonl").open(encoding="utf-8") as file:
            rows = tuple(read_row(json.loads(line)) for line in file)
        pictures = np.load(folder / "pictures.npy", mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise BadInputError(f"{folder} is broken ({error}); run: danqing data build clipart") from None
    if card.get("format") != FORMAT or len(rows) != len(pictures):
        raise BadInputError(f"{folder} is of another version or half a set; run: danqing data build clipart")
    return Clipart(folder, pictures, rows, card)
