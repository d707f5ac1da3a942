"""The routes of /api/v1: jobs, pictures, uploads, events; for the page and for programs written for Danqing."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from fnmatch import fnmatch
from importlib.resources import files
from typing import IO, Annotated, Any

import anyio
from fastapi import APIRouter, Body, Depends, Header, Query, Request
from fastapi.responses import FileResponse, Response, StreamingResponse

from danqing.errors import NotFoundError
from danqing.gallery import Gallery
from danqing.home import fetched_names, painter_names, taught_names
from danqing.images.reading import read_rgba
from danqing.images.tracing import to_svg
from danqing.jobs import JOBS, Place, State, Store, check, public_files
from danqing.jobs.remote import API
from danqing.jobs.wishes import SKETCHES
from danqing.presets import looks
from danqing.server.news import Bell, plain
from danqing.server.words import reading

KEPT = {"cache-control": "private, max-age=31536000, immutable"}
"""of pictures, which never change under their id"""
ALONE = {"content-security-policy": "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"}
"""of pages that a job has made: nothing in them runs"""
TYPES = {
    ".png": "image/png",
    ".json": "application/json",
    ".jsonl": "application/x-ndjson",
    ".html": "text/html",
    ".webp": "image/webp",
}


router = APIRouter(prefix=API)


def placed(request: Request) -> Place:
    place: Place = request.app.state.place
    return place


def opened(request: Request) -> Iterator[Store]:
    with request.app.state.stores.lent() as store:
        yield store


def hung(request: Request) -> Iterator[Gallery]:
    with request.app.state.galleries.lent() as gallery:
        yield gallery


def rung(request: Request) -> Bell:
    bell: Bell = request.app.state.bell
    return bell


Placed = Annotated[Place, Depends(placed)]
Rung = Annotated[Bell, Depends(rung)]
Opened = Annotated[Store, Depends(opened)]
Hung = Annotated[Gallery, Depends(hung)]

# Jobs.


@router.get("/kinds")
def kinds() -> dict[str, Any]:
    """What can be asked for."""
    return {name: asdict(wanted) for name, wanted in JOBS.items()}


@router.get("/styles")
def styles() -> dict[str, Any]:
    """Drawing styles of the painter; manners for photos with their titles in both languages; those that were taught."""
    titles = {name: row["title"] for name, row in looks().items()}
    return {"drawing": drawing_styles(), "manners": sorted(titles), "titles": titles, "taught": taught_names()}


@router.get("/models")
def models() -> dict[str, Any]:
    """Pretrained models that were fetched, and painters that were taught; a job of painting names one as `model`."""
    return {"models": fetched_names(), "painters": painter_names()}


@router.get("/reading")
def how_read(prompt: Annotated[str, Query(max_length=10_000)] = "", model: str = "") -> dict[str, Any]:
    """The truth light: which words of a prompt are known, taken for others, or passed over. `model`: a taught painter,
    else the one that comes with Danqing."""
    return reading(prompt, model)


@router.post("/jobs", status_code=202)
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


@router.get("/jobs")
def jobs(
    store: Opened,
    before: float | None = None,
    state: State | None = None,
    kind: Annotated[list[str] | None, Query()] = None,
    count: Annotated[int, Query(ge=1, le=100)] = 50,
) -> Response:
    """The newest jobs, of some kinds only if these are named; `before` the time of the last one for the next page."""
    found = [plain(job) for job in store.page(before, state, count, kind or ())]
    return Response(json.dumps({"jobs": found}, ensure_ascii=False), media_type="application/json")


@router.get("/jobs/{job}")
def one(store: Opened, job: str) -> dict[str, Any]:
    return plain(store.get(job))


@router.post("/jobs/{job}/cancel")
def cancel(store: Opened, job: str) -> dict[str, Any]:
    return plain(store.cancel(job))


@router.post("/jobs/{job}/again")
def again(store: Opened, job: str) -> dict[str, Any]:
    """Put a job that failed or was cancelled back into the queue; a training goes on where it was stopped."""
    return plain(store.again(job))


@router.get("/jobs/{job}/files")
def job_files(store: Opened, place: Placed, job: str) -> dict[str, Any]:
    """What a job has left so far that is no picture of the gallery; a training's grow while it runs."""
    found = store.get(job)
    return {"files": public_files(place.results / found.id, found.kind)}


@router.get("/jobs/{job}/files/{name:path}")
def job_file(store: Opened, place: Placed, job: str, name: str) -> Response:
    """One of them; only names of that list are answered. A sketch may just have been taken away: then nothing is."""
    found = store.get(job)
    sketch = fnmatch(name, SKETCHES) and SKETCHES in JOBS[found.kind].files
    if name not in public_files(place.results / found.id, found.kind):
        if sketch:
            return Response(status_code=204)
        raise NotFoundError(f"Job '{job}' has no file '{name[:100]}'; look at the list of its files.")
    path = place.results / found.id / name
    kind = TYPES[path.suffix]
    if sketch:  # read at once: the next one takes its place while it is sent
        try:
            return Response(path.read_bytes(), media_type=kind)
        except FileNotFoundError:
            return Response(status_code=204)
    return FileResponse(path, media_type=kind, headers=ALONE if kind == "text/html" else None)


@router.get("/events")
def events(
    bell: Rung,
    since: Annotated[int, Query(ge=0, le=2**62)] = 0,
    last_event_id: Annotated[int | None, Header(ge=0, le=2**62)] = None,
) -> StreamingResponse:
    """Server-sent events: every change of every job from a version on."""
    return StreamingResponse(bell.news(last_event_id or since), media_type="text/event-stream")


# Pictures.


@router.get("/pictures")
def pictures(
    gallery: Hung,
    before: Annotated[int | None, Query(ge=0, le=2**62)] = None,
    words: Annotated[str, Query(max_length=500)] = "",
    favourite: bool = False,
    tag: Annotated[str, Query(max_length=100)] = "",
    trashed: bool = False,
    count: Annotated[int, Query(ge=1, le=200)] = 60,
) -> Response:
    """The newest that fit; `next`, where it is a number, is what to give as `before` for the next page."""
    found, following = gallery.index.texts(before, words, favourite, tag, trashed, count)
    rest = json.dumps({"next": following, "all": gallery.index.count()})
    return Response(f'{{"pictures": [{", ".join(found)}], {rest[1:]}', media_type="application/json")


@router.get("/pictures/{name}")
def picture(gallery: Hung, name: str) -> dict[str, Any]:
    """One picture, what it was made from and what was made from it."""
    kin = {side: [entry.plain() for entry in found] for side, found in gallery.kin(name).items()}
    return {**gallery.get(name).plain(), **kin}


@router.patch("/pictures/{name}")
def mark(
    gallery: Hung,
    name: str,
    favourite: Annotated[bool | None, Body()] = None,
    tags: Annotated[list[str] | None, Body()] = None,
    trashed: Annotated[bool | None, Body()] = None,
) -> dict[str, Any]:
    """Change what is given; `trashed` can be undone until the trash is emptied."""
    return gallery.mark(name, favourite, tags, trashed).plain()


@router.get("/pictures/{name}/file")
def picture_file(gallery: Hung, name: str) -> FileResponse:
    return FileResponse(gallery.existing(name), media_type="image/png", headers=KEPT)


@router.get("/pictures/{name}/thumb")
def thumb(gallery: Hung, name: str) -> FileResponse:
    return FileResponse(gallery.thumb(name), media_type="image/webp", headers=KEPT)


@router.get("/pictures/{name}/svg")
def svg(gallery: Hung, name: str) -> Response:
    """The picture as shapes; as a file to keep, for nothing in it may run here."""
    shapes = to_svg(read_rgba(gallery.existing(name)))
    headers = {**ALONE, "content-disposition": f'attachment; filename="{name}.svg"'}
    return Response(shapes, media_type="image/svg+xml", headers=headers)


@router.get("/pictures/{name}/like")
def like(gallery: Hung, name: str, count: Annotated[int, Query(ge=1, le=100)] = 24) -> dict[str, Any]:
    """The pictures that look most like one, with cosine."""
    return {"pictures": [entry.plain() | {"likeness": cosine} for entry, cosine in gallery.like(name, count)]}


@router.get("/tags")
def tags(gallery: Hung) -> dict[str, Any]:
    return {"tags": [{"tag": tag, "count": count} for tag, count in gallery.index.tags()]}


@router.post("/trash/empty")
def empty(gallery: Hung) -> dict[str, int]:
    """Remove for good what was thrown away."""
    return {"removed": gallery.empty_trash()}


@router.post("/export")
def export(gallery: Hung, ids: Annotated[list[str], Body(embed=True)]) -> Response:
    """A zip of pictures and a list of what each was made with."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - `sent` closes it
    gallery.export(ids, file)
    headers = {"content-disposition": 'attachment; filename="danqing.zip"'}
    return StreamingResponse(sent(file), media_type="application/zip", headers=headers)


def sent(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while part := file.read(1_000_000):
            yield part


# What people bring.


@router.post("/uploads", status_code=201)
async def upload(request: Request) -> dict[str, str]:
    """A picture as the body; answered with the id that jobs name it by."""
    return {"id": await request.app.state.asker.brought(await request.body())}


@router.get("/uploads/{name}")
def uploaded(place: Placed, name: str) -> FileResponse:
    return FileResponse(place.uploads.path(name), media_type="image/png", headers=KEPT)


@router.post("/recipes")
async def recipe(request: Request, place: Placed) -> dict[str, Any]:
    """How a PNG, the body, was made; nothing is kept."""
    data = await request.body()
    found = (await anyio.to_thread.run_sync(place.inspect, data))["recipe"]
    if found is None:
        raise NotFoundError("There is no recipe in that picture; drop one that Danqing made.")
    return dict(found)


def drawing_styles() -> list[str]:
    """Of the painter that comes with Danqing, by its card; [] where it comes without one."""
    card = files("danqing").joinpath("models", "painter", "card.json")
    return list(json.loads(card.read_text(encoding="utf-8"))["config"]["styles"]) if card.is_file() else []
