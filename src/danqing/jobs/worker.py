"""A worker: takes one job after the other, keeps its lease alive, and leaves whole results or none."""

import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from danqing import registry
from danqing.errors import DanqingError
from danqing.images.writing import write_atomic
from danqing.jobs import kinds
from danqing.jobs.desk import Desk
from danqing.jobs.job import Job
from danqing.jobs.place import Place
from danqing.jobs.site import Here, Site, StoppedError
from danqing.jobs.store import LEASE

TOLD_EVERY = 0.2
"""seconds between two notes of progress"""
IDLE = 0.2
"""seconds between two looks for work"""
TROUBLED = 2.0
"""the same where the queue could not be asked"""


class Worker:
    """Does the jobs of a site."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"

    def run(self, stops: Callable[[], bool] = lambda: False) -> None:
        """Work until it is to stop; on Ctrl+C the job in hand goes back."""
        while not stops():
            try:
                if not self.work_once() and not self.site.look():
                    time.sleep(IDLE)
            except DanqingError:  # a full or busy disk, a server that is away: another time
                time.sleep(TROUBLED)

    def work_once(self) -> bool:
        """Do the next job; False where none waits."""
        site = self.site
        job = site.claim(self.name, site.kinds or registry.names("job"))
        if job is None:
            return False
        try:
            with Pulse(site, job.id, self.name):
                self.do(job)
        except StoppedError:
            pass
        except DanqingError as error:
            site.end(job.id, self.name, "failed", str(error))
        except MemoryError:
            site.end(job.id, self.name, "failed", "It needed more memory than there is; ask for less at once.")
        except Exception as error:  # one bad job must not stop the others
            message = f"Something went wrong inside ({type(error).__name__}: {error}); please report it."
            site.end(job.id, self.name, "failed", message)
        except BaseException:
            site.release(job.id, self.name)
            raise
        return True

    def do(self, job: Job) -> None:
        work: kinds.Kind = registry.get("job", job.kind)
        desk = Desk(job, self.site, self.name)
        steps, told = work(job.wishes, desk), 0.0
        try:
            while True:
                progress = next(steps)
                if time.monotonic() - told > TOLD_EVERY or progress.message:
                    told = time.monotonic()
                    if not self.site.renew(job.id, self.name, progress.done, progress.message):
                        return
        except StopIteration as end:
            files: Mapping[str, bytes] = end.value
        finally:
            steps.close()
        desk.clean()
        for name, data in files.items():
            desk.folder.mkdir(parents=True, exist_ok=True)
            write_atomic(desk.folder / name, data)
        self.site.end(job.id, self.name, "done", files=self.site.leave(job, self.name))


class Pulse:
    """Keeps a lease alive through steps that take long, from a thread of its own."""

    def __init__(self, site: Site, job: str, worker: str) -> None:
        self.site, self.job, self.worker = site, job, worker
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.beat, daemon=True)

    def beat(self) -> None:
        site: Site | None = None
        while not self.over.wait(LEASE / 3):
            with suppress(DanqingError):  # a busy or full disk, or a lost line, now is asked again soon
                site = site or self.site.another()
                if not site.keep(self.job, self.worker):
                    break
        if site:
            site.close()

    def __enter__(self) -> "Pulse":
        self.thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self.over.set()
        self.thread.join()


def worker_of(place: Place) -> Worker:
    """One for a folder of this machine. Raises DiskError, UsageError."""
    return Worker(Here(place, kinds.likeness))
