"""Where a studio keeps its things; server and workers share the folder."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from danqing.gallery import Gallery
from danqing.jobs.store import Store
from danqing.jobs.uploads import Uploads, rewritten


@dataclass(frozen=True)
class Place:
    folder: Path
    rewrite: Callable[[bytes], bytes] = rewritten
    """how uploads are decoded"""

    def store(self) -> Store:
        return Store(self.folder / "jobs.sqlite")

    def gallery(self) -> Gallery:
        return Gallery(self.folder / "gallery")

    @property
    def results(self) -> Path:
        """A folder for each job."""
        return self.folder / "results"

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.folder / "uploads", self.rewrite)
