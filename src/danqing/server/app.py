"""The routes of /api/v1: jobs, their pictures and events, uploads."""

import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import anyio
from fastapi import Body, Depends, FastAPI, Header, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, StreamingResponse
from starlette.exceptions import HTTPException

from danqing import errors
from danqing.errors import DanqingError, NotFoundError
from danqing.jobs import JOBS, Job, State, Store, Uploads, check
from danqing.jobs.uploads import LARGEST
from danqing.server.guard import Guard, Rules, problem
from danqing.version import __version__

API = "/api/v1"
STATUS = {
    errors.UsageError.exit_code: 422,
    errors.NotFoundError.exit_code: 404,
    errors.BadInputError.exit_code: 400,
    errors.DiskError.exit_code: 507,
}
"""exit code of an error -> its HTTP status"""
HEARD_EVERY = 0.15
"""seconds between two looks for news"""
ALIVE_EVERY = 15.0
"""seconds after which a silent stream says that it is there"""


@dataclass(frozen=True)
class Place:
    """Where a studio keeps its things; server and workers share it."""

    folder: Path

    @property
    def store(self) -> Path:
        return self.folder / "jobs.sqlite"

    @property
    def results(self) -> Path:
        return self.folder / "results"

    @property
    def uploads(self) -> Uploads:
        return Uploads(self.folder / "uploads")


def create_app(place: Place, token: str, hosts: list[str]) -> Guard:
    """The server, guarded. `hosts`: exact Host headers that it answers to."""
    app = FastAPI(
        title="Danqing", version=__version__, docs_url=None, redoc_url=None, openapi_url=f"{API}/openapi.json"
    )
    answer_errors(app)

    def opened() -> Iterator[Store]:
        store = Store(place.store)
        try:
            yield store
        finally:
            store.close()

    Opened = Annotated[Store, Depends(opened)]

    @app.get(f"{API}/kinds")
    def kinds() -> dict[str, Any]:
        """What can be asked for."""
        return {name: asdict(wanted) for name, wanted in JOBS.items()}

    @app.post(f"{API}/jobs", status_code=202)
    def submit(
        store: Opened,
        kind: Annotated[str, Body()],
        wishes: Annotated[dict[str, Any], Body()],
        priority: Annotated[int, Body(ge=-100, le=100)] = 0,
        idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
    ) -> dict[str, Any]:
        """Accept a job. When this is answered it is kept, whatever happens then."""
        check(kind, wishes)
        return plain(store.submit(kind, wishes, priority, idempotency_key))

    @app.get(f"{API}/jobs")
    def jobs(
        store: Opened,
        before: float | None = None,
        state: State | None = None,
        count: Annotated[int, Query(ge=1, le=100)] = 50,
    ) -> dict[str, Any]:
        """The newest jobs; `before` the time of the last one for the next page."""
        return {"jobs": [plain(job) for job in store.page(before, state, count)]}

    @app.get(f"{API}/jobs/{{job}}")
    def one(store: Opened, job: str) -> dict[str, Any]:
        return plain(store.get(job))

    @app.post(f"{API}/jobs/{{job}}/cancel")
    def cancel(store: Opened, job: str) -> dict[str, Any]:
        return plain(store.cancel(job))

    @app.get(f"{API}/jobs/{{job}}/files/{{number}}")
    def file(store: Opened, job: str, number: int) -> FileResponse:
        """A picture that was made; by its number, never by a name."""
        names = store.get(job).files
        if not 0 <= number < len(names):
            raise NotFoundError(f"Job '{job}' has {len(names)} pictures; there is no number {number}.")
        return FileResponse(place.results / job / names[number], media_type="image/png")

    @app.post(f"{API}/uploads", status_code=201)
    async def upload(request: Request) -> dict[str, str]:
        """A picture as the body; answered with the id that jobs name it by."""
        data = await request.body()
        return {"id": await anyio.to_thread.run_sync(place.uploads.put, data)}

    @app.get(f"{API}/events")
    def events(
        since: int = 0, last_event_id: Annotated[int | None, Header()] = None
    ) -> StreamingResponse:  # fmt: skip
        """Server-sent events: every change of every job from a version on."""
        return StreamingResponse(news(place, last_event_id or since), media_type="text/event-stream")

    return Guard(app, Rules(token, hosts, {f"{API}/uploads": LARGEST}))


async def news(place: Place, version: int) -> AsyncIterator[str]:
    spoken = time.monotonic()
    while True:
        changed = await anyio.to_thread.run_sync(changes, place, version)
        for job in changed:
            version, spoken = job.version, time.monotonic()
            yield f"id: {job.version}\nevent: job\ndata: {json.dumps(plain(job))}\n\n"
        if time.monotonic() - spoken > ALIVE_EVERY:
            spoken = time.monotonic()
            yield ": still here\n\n"
        await anyio.sleep(HEARD_EVERY)


def changes(place: Place, version: int) -> list[Job]:
    store = Store(place.store)
    try:
        return store.changed_since(version)
    finally:
        store.close()


def plain(job: Job) -> dict[str, Any]:
    """As clients see it: pictures by number."""
    shown = asdict(job) | {"wishes": dict(job.wishes)}
    return shown | {"files": [f"{API}/jobs/{job.id}/files/{number}" for number in range(len(job.files))]}


def answer_errors(app: FastAPI) -> None:
    """Every error is one sentence, as problem+json."""

    def answer(status: int, detail: str) -> JSONResponse:
        return JSONResponse(problem(status, detail), status, media_type="application/problem+json")

    @app.exception_handler(DanqingError)
    def ours(request: Request, error: DanqingError) -> JSONResponse:
        return answer(STATUS.get(error.exit_code, 500), str(error))

    @app.exception_handler(RequestValidationError)
    def theirs(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return answer(422, f"{where}: {first['msg']}; look at {API}/openapi.json.")

    @app.exception_handler(HTTPException)
    def plain_http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(error.status_code, str(error.detail))
