"""The routes for workers on other machines: the queue as `Store` has it, pictures and files coming back."""

from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Body, Query, Request

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.gallery import Gallery
from danqing.images.writing import write_atomic
from danqing.jobs import JOBS, Place, Store, public_files
from danqing.jobs.remote import API, KINDS
from danqing.jobs.site import lost_here
from danqing.server.news import plain
from danqing.server.studio import Hung, Opened, Placed

router = APIRouter(prefix=f"{API}/worker")
Worker = Annotated[str, Body(max_length=200, pattern=r"^[^:]+:\d+:\w+$")]
From = Annotated[str, Query(max_length=200)]


@router.post("/claim")
def claim(store: Opened, worker: Worker, kinds: Annotated[list[str], Body()]) -> dict[str, Any]:
    """The next job of these kinds, held by `worker` until its lease runs out; null where none waits."""
    wanted = [kind for kind in kinds if kind in KINDS]
    store.give_back_of(lost_here)
    job = store.claim(worker, wanted) if wanted else None
    return {"job": plain(job) if job else None}


@router.post("/{job}/renew")
def renew(
    store: Opened,
    job: str,
    worker: Worker,
    done: Annotated[float, Body(ge=0, le=1)],
    message: Annotated[str, Body()] = "",
) -> dict[str, bool]:
    return {"held": store.renew(job, worker, done, message)}


@router.post("/{job}/keep")
def keep(store: Opened, job: str, worker: Annotated[str, Body(embed=True)]) -> dict[str, bool]:
    return {"held": store.keep(job, worker)}


@router.post("/{job}/release")
def release(store: Opened, job: str, worker: Annotated[str, Body(embed=True)]) -> dict[str, bool]:
    store.release(job, worker)
    return {"held": False}


@router.post("/{job}/end")
def end(
    store: Opened,
    place: Placed,
    job: str,
    worker: Worker,
    state: Annotated[str, Body(pattern="^(done|failed)$")],
    message: Annotated[str, Body()] = "",
    files: Annotated[list[str] | None, Body()] = None,
) -> dict[str, bool]:
    found = store.get(job)
    there = public_files(place.results / found.id, found.kind)
    return {"held": store.end(job, worker, state, message, [name for name in files or [] if name in there])}  # type: ignore[arg-type]


@router.post("/{job}/pictures/{name}")
async def picture(
    request: Request, store: Opened, gallery: Hung, job: str, name: str, worker: From, parents: str = ""
) -> dict[str, bool]:
    """A picture that was made, the body; only of a job that is held, only under a name of that job."""
    data = await request.body()
    return await anyio.to_thread.run_sync(added, store, gallery, job, name, worker, data, parents)


def added(
    store: Store, gallery: Gallery, job: str, name: str, worker: str, data: bytes, parents: str
) -> dict[str, bool]:
    check_held(store, job, worker)
    if name.rpartition("-")[0] != job:
        raise UsageError(f"'{name[:80]}' is no picture of that job.")
    gallery.add(name, data, job, [one for one in parents.split(",") if one])
    return {"held": store.show(job, worker, name)}


@router.post("/{job}/files")
async def file(request: Request, store: Opened, place: Placed, job: str, name: str, worker: From) -> dict[str, bool]:
    """A file of a job's results, the body; only under the names that its kind leaves."""
    data = await request.body()
    return await anyio.to_thread.run_sync(left, store, place, job, name, worker, data)


def left(store: Store, place: Place, job: str, name: str, worker: str, data: bytes) -> dict[str, bool]:
    found = check_held(store, job, worker)
    if name not in JOBS[found.kind].files or "*" in name:
        raise BadInputError(f"A job of {found.kind} leaves no file '{name[:80]}'.")
    path = place.results / found.id / name
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, data)
    return {"held": True}


def check_held(store: Store, job: str, worker: str) -> Any:
    """Raises NotFoundError where another has it, or nobody."""
    if not store.keep(job, worker):
        raise NotFoundError(f"Job '{job[:60]}' is not held by that worker any more.")
    return store.get(job)
