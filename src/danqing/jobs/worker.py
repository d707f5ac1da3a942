"""A worker: takes one job after the other, keeps its lease alive, and leaves whole results or none."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from danqing import registry
from danqing.errors import DanqingError
from danqing.images.writing import write_atomic
from danqing.jobs import kinds
from danqing.jobs.desk import Desk
from danqing.jobs.job import Job
from danqing.jobs.place import Place
from danqing.jobs.store import LEASE, Store
from danqing.jobs.wishes import public_files

TOLD_EVERY = 0.2
"""seconds between two notes of progress"""
IDLE = 0.2
"""seconds between two looks for work"""


class Worker:
    """Does the jobs of a place: pictures go to its gallery, files to results/JOB/."""

    def __init__(self, place: Place) -> None:
        """Raises DiskError, UsageError."""
        self.place, self.store, self.gallery = place, place.store(), place.gallery()
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    def run(self, stops: Callable[[], bool] = lambda: False) -> None:
        """Work until it is to stop; on Ctrl+C the job in hand goes back."""
        while not stops():
            if not self.work_once() and not self.look_once():
                time.sleep(IDLE)

    def look_once(self) -> bool:
        """Where there is nothing to do: find what one picture of the gallery looks like; False where all are known."""
        for name in self.gallery.index.strange(1):
            self.gallery.set_likeness(name, kinds.likeness(self.gallery.path(name)))
            return True
        return False

    def work_once(self) -> bool:
        """Do the next job; False where none waits."""
        self.store.give_back_of(lost_here)
        job = self.store.claim(self.name, registry.names("job"))
        if job is None:
            return False
        try:
            with Pulse(self.store.path, job.id, self.name):
                self.do(job)
        except DanqingError as error:
            self.store.end(job.id, self.name, "failed", str(error))
        except MemoryError:
            self.store.end(job.id, self.name, "failed", "It needed more memory than there is; ask for less at once.")
        except Exception as error:  # one bad job must not stop the others
            message = f"Something went wrong inside ({type(error).__name__}: {error}); please report it."
            self.store.end(job.id, self.name, "failed", message)
        except BaseException:
            self.store.release(job.id, self.name)
            raise
        return True

    def do(self, job: Job) -> None:
        work: kinds.Kind = registry.get("job", job.kind)
        folder = self.place.results / job.id
        desk = Desk(
            job, self.place.uploads, self.gallery, folder, lambda name: self.store.show(job.id, self.name, name)
        )
        steps, told = work(job.wishes, desk), 0.0
        try:
            while True:
                progress = next(steps)
                if time.monotonic() - told > TOLD_EVERY or progress.message:
                    told = time.monotonic()
                    if not self.store.renew(job.id, self.name, progress.done, progress.message):
                        return
        except StopIteration as end:
            files: Mapping[str, bytes] = end.value
        finally:
            steps.close()
        for name, data in files.items():
            folder.mkdir(parents=True, exist_ok=True)
            write_atomic(folder / name, data)
        self.store.end(job.id, self.name, "done", files=public_files(folder, job.kind))


class Pulse:
    """Keeps a lease alive through steps that take long, from a thread of its own."""

    def __init__(self, path: Path, job: str, worker: str) -> None:
        self.path, self.job, self.worker = path, job, worker
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.beat, daemon=True)

    def beat(self) -> None:
        store: Store | None = None
        while not self.over.wait(LEASE / 3):
            with suppress(DanqingError):  # a busy or full disk now is asked again soon
                store = store or Store(self.path)
                if not store.keep(self.job, self.worker):
                    break
        if store:
            store.close()

    def __enter__(self) -> "Pulse":
        self.thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self.over.set()
        self.thread.join()


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
