"""How a route puts a job into the queue and waits for it; whatever is asked by whichever door, it is the same queue."""

import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

import anyio
from fastapi import Request

from danqing.errors import DanqingError
from danqing.jobs import Job, Place, Store, check
from danqing.jobs.job import CLOSED
from danqing.server.pool import Pool

HEARD_EVERY = 0.03
"""seconds between two looks for a job's news"""
AT_ONCE = 4
"""uploads that are read at one time"""
GONE_EVERY = 1.0
"""seconds between two looks whether the client is still there"""


class JobError(DanqingError):
    """A job that failed or was cancelled; its message is the job's."""


class Asker:
    def __init__(self, place: Place, stores: Pool[Store]) -> None:
        self.stores = stores
        self.place, self.reading = place, anyio.CapacityLimiter(AT_ONCE)

    async def ask(self, request: Request, kind: str, wishes: Mapping[str, Any], key: str | None = None) -> Job:
        """Submit and wait to the end; a client that leaves cancels. Raises JobError, UsageError, NotFoundError."""
        async for job in self.follow(request, kind, wishes, key):
            last = job
        if last.state not in CLOSED:
            raise JobError("Nobody waited for it any more.")
        if last.state != "done":
            raise JobError(last.message)
        return last

    async def follow(
        self, request: Request, kind: str, wishes: Mapping[str, Any], key: str | None = None
    ) -> AsyncIterator[Job]:
        """Submit, then every change of the job, the last one after it has ended."""
        check(kind, wishes)
        job = await anyio.to_thread.run_sync(self.submitted, kind, dict(wishes), key)
        yield job
        asked = time.monotonic()
        try:
            while job.state not in CLOSED:
                await anyio.sleep(HEARD_EVERY)
                now = await anyio.to_thread.run_sync(self.got, job.id)
                if now.version != job.version:
                    job = now
                    yield job
                if time.monotonic() - asked > GONE_EVERY:
                    asked = time.monotonic()
                    if await request.is_disconnected():
                        break
        finally:
            if job.state not in CLOSED:  # nobody waits for it any more
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(self.cancelled, job.id)

    async def brought(self, data: bytes) -> str:
        """The id of an upload. Few are read at once: who sends slow pictures keeps only others' pictures waiting."""
        return await anyio.to_thread.run_sync(self.place.uploads.put, data, limiter=self.reading)

    def submitted(self, kind: str, wishes: Mapping[str, Any], key: str | None = None) -> Job:
        with self.stores.lent() as store:
            return store.submit(kind, wishes, key=key)

    def got(self, job: str) -> Job:
        with self.stores.lent() as store:
            return store.get(job)

    def several(self, jobs: list[str]) -> list[Job]:
        with self.stores.lent() as store:
            return [store.get(job) for job in jobs]

    def cancelled(self, job: str) -> Job:
        with self.stores.lent() as store:
            return store.cancel(job)

    def pictures(self, job: Job) -> list[bytes]:
        """The PNGs of a job."""
        gallery = self.place.gallery()
        try:
            return [gallery.existing(name).read_bytes() for name in job.pictures]
        finally:
            gallery.close()
