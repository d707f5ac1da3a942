"""What a job has at hand: the pictures that were brought for it, and a place for what it makes."""

import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from danqing.errors import UsageError
from danqing.images.writing import atomic_path, encode_png
from danqing.jobs.job import Job
from danqing.jobs.site import Site, StoppedError
from danqing.jobs.uploads import NAME
from danqing.jobs.wishes import SKETCHES
from danqing.types import Picture

SKETCHED = "Sketched."
"""what a job says once there are sketches of it among its files"""
NOTED_EVERY = 0.2
"""seconds between two notes of how far a painting is"""
SKETCHED_EVERY = 0.8
"""seconds between two sketches of it; what is painted quicker has none"""


class Desk:
    def __init__(self, job: Job, site: Site, worker: str) -> None:
        self.job, self.site, self.worker = job, site, worker
        self.folder = site.place_of(job.id)
        """for files of this job, made when it is needed"""
        self.parents: list[str] = []
        self.noted = self.sketched = time.monotonic()

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

    def sketch(self, done: float, seen: Callable[[], Mapping[int, np.ndarray]]) -> None:
        """Note how far a painting is, now and then also how it looks. Raises StoppedError where it is to stop."""
        now = time.monotonic()
        if now - self.noted > NOTED_EVERY:
            self.noted = now
            if not self.site.renew(self.job.id, self.worker, done):
                raise StoppedError("The job was cancelled, or given to another.")
        if now - self.sketched > SKETCHED_EVERY and done < 1:
            shown = seen()
            for place, pixels in shown.items():
                self.folder.mkdir(parents=True, exist_ok=True)
                with atomic_path(self.folder / SKETCHES.replace("*", f"{place:03d}")) as temporary:
                    Image.fromarray(pixels).save(temporary, "WEBP", quality=60, method=0)
            self.sketched = time.monotonic()
            if shown:  # a pretrained model shows none
                self.site.renew(self.job.id, self.worker, done, SKETCHED)

    def clean(self) -> None:
        """Take the sketches away, now that there are pictures."""
        for path in self.folder.glob(SKETCHES):
            path.unlink()

    def data(self, names: Sequence[Any]) -> Path:
        """A folder with copies of pictures, in their order."""
        folder = self.folder / "data"
        folder.mkdir(parents=True, exist_ok=True)
        for number, name in enumerate(names):
            target = folder / f"{number:05d}.png"
            if not target.exists():
                shutil.copyfile(self.picture(name), target)
        return folder
