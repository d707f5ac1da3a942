"""Where a studio keeps its things; server and workers share the folder."""

from dataclasses import dataclass
from pathlib import Path

from danqing.gallery import Gallery
from danqing.jobs.store import Store
from danqing.jobs.uploads import Uploads


@dataclass(frozen=True)
class Place:
    folder: Path

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
        return Uploads(self.folder / "uploads")
