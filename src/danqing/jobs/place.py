"""Where a studio keeps its things; server and workers share the folder."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danqing.gallery import Gallery
from danqing.jobs.store import Store
from danqing.jobs.uploads import Uploads, reading


@dataclass(frozen=True)
class Place:
    folder: Path
    read: Callable[[str, bytes], bytes] = reading
    """how strangers' files are read: "rewrite" or "inspect", and the file"""

    def store(self) -> Store:
        return Store(self.folder / "jobs.sqlite")

    def gallery(self) -> Gallery:
        return Gallery(self.folder / "gallery")

    def inspect(self, png: bytes) -> dict[str, Any]:
        """The `recipe` (or None) and the `parameters` inside a PNG. Raises BadInputError."""
        found: dict[str, Any] = json.loads(self.read("inspect", png))
        return found

    @property
    def results(self) -> Path:
        """A folder for each job."""
        return self.folder / "results"

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.folder / "uploads", lambda data: self.read("rewrite", data))
