"""Server-sent events of jobs: one look at the queue for all listeners, however many there are."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import anyio

from danqing.errors import DanqingError
from danqing.jobs import Job, Place

HEARD_EVERY = 0.1
"""seconds between two looks for news"""
ALIVE_EVERY = 15.0
"""seconds after which a silent stream says that it is there"""


class Bell:
    """Rings when a job has changed; looks only while somebody listens."""

    def __init__(self, place: Place) -> None:
        self.place, self.version, self.listeners = place, 0, 0
        self.rung = asyncio.Event()
        self.looking: asyncio.Task[None] | None = None

    async def news(self, version: int) -> AsyncIterator[str]:
        """Every change from a version on, each in its latest state."""
        self.listeners += 1
        try:
            while True:
                for job in await anyio.to_thread.run_sync(self.changes, version):
                    version = job.version
                    yield f"id: {job.version}\nevent: job\ndata: {json.dumps(plain(job))}\n\n"
                if not await self.newer(version):
                    yield ": still here\n\n"
        finally:
            self.listeners -= 1

    async def newer(self, version: int) -> bool:
        """Wait for a change after that version; False where there was none for long."""
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self.look())
        while self.version <= version:
            try:
                await asyncio.wait_for(self.rung.wait(), ALIVE_EVERY)
            except TimeoutError:
                return False
        return True

    async def look(self) -> None:
        store = await anyio.to_thread.run_sync(self.place.store)
        try:
            while self.listeners:
                newest = await anyio.to_thread.run_sync(store.newest)
                if newest != self.version:
                    self.version = newest
                    self.rung.set()
                    self.rung = asyncio.Event()
                await asyncio.sleep(HEARD_EVERY)
        except DanqingError:
            self.rung.set()  # listeners look for themselves, and begin to look anew
        finally:
            store.close()

    def changes(self, version: int) -> list[Job]:
        store = self.place.store()
        try:
            return store.changed_since(version)
        finally:
            store.close()


def plain(job: Job) -> dict[str, Any]:
    """As clients see it."""
    return dict(vars(job))
