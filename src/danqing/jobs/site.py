"""Where a worker works: what it needs of a studio, whether that is a folder of this machine or a server elsewhere."""

import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from danqing.errors import DanqingError
from danqing.jobs.job import Job, State
from danqing.jobs.place import Place
from danqing.jobs.wishes import public_files


class StoppedError(DanqingError):
    """A job is held no more; what is still made of it does not count."""


class Site(Protocol):
    """The queue as in `Store`, and the ways of pictures in and out; used by one thread at a time."""

    kinds: Sequence[str] | None
    """of jobs that are done here, None for all"""

    def claim(self, worker: str, kinds: Sequence[str]) -> Job | None: ...
    def renew(self, job: str, worker: str, done: float, message: str = "") -> bool: ...
    def keep(self, job: str, worker: str) -> bool: ...
    def release(self, job: str, worker: str) -> None: ...
    def end(self, job: str, worker: str, state: State, message: str = "", files: Sequence[str] = ()) -> bool: ...

    def upload(self, name: str) -> Path:
        """A picture that was brought. Raises NotFoundError."""

    def existing(self, name: str) -> Path:
        """A picture of the gallery. Raises NotFoundError."""

    def place_of(self, job: str) -> Path:
        """A folder for a job's files."""

    def add(self, job: str, worker: str, name: str, png: bytes, parents: Sequence[str]) -> None:
        """Put a picture into the gallery and name it as the job's. Raises StoppedError where it is held no more."""

    def leave(self, job: Job, worker: str) -> list[str]:
        """Hand in what lies in the job's folder for clients to see; returns the names."""

    def look(self) -> bool:
        """Where there is nothing to do: something useful, False where there is nothing at all."""

    def another(self) -> "Site":
        """The same for another thread."""

    def close(self) -> None: ...


class Here:
    """A folder of this machine."""

    kinds: Sequence[str] | None = None

    def __init__(self, place: Place, likeness: Callable[[Path], np.ndarray]) -> None:
        """`likeness` of a picture, for finding like ones."""
        self.place, self.likeness = place, likeness
        self.store, self.gallery = place.store(), place.gallery()
        self.renew, self.keep = self.store.renew, self.store.keep
        self.release, self.end = self.store.release, self.store.end
        self.upload, self.existing = place.uploads.path, self.gallery.existing

    def claim(self, worker: str, kinds: Sequence[str]) -> Job | None:
        self.store.give_back_of(lost_here)
        return self.store.claim(worker, kinds)

    def place_of(self, job: str) -> Path:
        return self.place.results / job

    def add(self, job: str, worker: str, name: str, png: bytes, parents: Sequence[str]) -> None:
        if not self.store.keep(job, worker):
            raise StoppedError("The job was cancelled, or given to another.")
        self.gallery.add(name, png, job, parents)
        self.store.show(job, worker, name)

    def leave(self, job: Job, worker: str) -> list[str]:
        return public_files(self.place_of(job.id), job.kind)

    def look(self) -> bool:
        """Find what one picture of the gallery looks like."""
        for name in self.gallery.index.strange(1):
            self.gallery.set_likeness(name, self.likeness(self.gallery.path(name)))
            return True
        return False

    def another(self) -> "Here":
        return Here(self.place, self.likeness)

    def close(self) -> None:
        self.store.close()
        self.gallery.close()


def lost_here(worker: str) -> bool:
    """Whether a worker was a process of this machine that is no more; of others only their lease tells."""
    host, pid, _ = worker.split(":")
    if host != socket.gethostname() or int(pid) == os.getpid():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
