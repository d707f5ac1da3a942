"""What a job has at hand: the pictures that were brought for it, and a place for what it makes."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from danqing.errors import UsageError
from danqing.images.writing import encode_png
from danqing.jobs.job import Job
from danqing.jobs.site import Site
from danqing.jobs.uploads import NAME
from danqing.types import Picture


class Desk:
    def __init__(self, job: Job, site: Site, worker: str) -> None:
        self.job, self.site, self.worker = job, site, worker
        self.folder = site.place_of(job.id)
        """for files of this job, made when it is needed"""
        self.parents: list[str] = []

    def picture(self, name: Any) -> Path:
        """An upload or a picture of the gallery, by its id. Raises UsageError, NotFoundError."""
        if not isinstance(name, str):
            raise UsageError(f"{name!r} is no picture; give the id of an upload, or of a picture in the gallery.")
        if NAME.fullmatch(name):
            return self.site.upload(name)
        path = self.site.existing(name)
        self.parents.append(name)
        return path

    def keep(self, place: int, picture: Picture) -> None:
        """Put a picture into the gallery, and say so. A job that is done again puts the same ones there."""
        name = f"{self.job.id}-{place:03d}"
        self.site.add(self.job.id, self.worker, name, encode_png(picture), list(dict.fromkeys(self.parents)))

    def data(self, names: Sequence[Any]) -> Path:
        """A folder with copies of pictures, in their order."""
        folder = self.folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            target = folder / f"{number:05d}.png"
            if not target.exists():
                shutil.copyfile(self.picture(name), target)
        return folder
