"""The server: our own routes, the doors of three other programs, one guard around all of them."""

from collections.abc import Sequence
from dataclasses import replace

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from danqing import errors
from danqing.errors import DanqingError
from danqing.jobs import Place
from danqing.jobs.live import live as live_painter
from danqing.jobs.remote import API
from danqing.jobs.uploads import LARGEST, decoder
from danqing.server import a1111, comfy, live, openai, page, studio, work
from danqing.server.accounts import Accounts
from danqing.server.asking import Asker, JobError
from danqing.server.guard import Guard, Rules, problem
from danqing.server.news import Bell
from danqing.server.pool import Pool
from danqing.version import __version__

STATUS = {
    errors.UsageError.exit_code: 422,
    errors.NotFoundError.exit_code: 404,
    errors.BadInputError.exit_code: 400,
    errors.DiskError.exit_code: 507,
}
"""exit code of an error -> its HTTP status"""
JOB = 2_000_000
"""bytes of a job: it may name 20,000 pictures"""
PICTURED = 4 * LARGEST // 3
"""bytes of a request whose pictures are base64"""
LARGE = {
    f"{API}/uploads": LARGEST, f"{API}/recipes": LARGEST, f"{API}/jobs": JOB, f"{API}/worker/": LARGEST,
    "/prompt": comfy.GRAPH, "/api/prompt": comfy.GRAPH,
    f"{openai.PREFIX}/images/edits": 2 * LARGEST, f"{openai.PREFIX}/images/variations": LARGEST,
    **{f"{a1111.PREFIX}/{name}": PICTURED for name in a1111.PICTURED},
    **{f"{prefix}{path}": LARGEST for path in comfy.LARGE_ROUTES for prefix in ("", "/api")},
}  # fmt: skip


def create_app(
    place: Place, token: str, hosts: Sequence[str], with_page: bool = False, accounts: Accounts | None = None
) -> Guard:
    """The server, guarded. `hosts`: exact Host headers that it answers to."""
    app = FastAPI(
        title="Danqing", version=__version__, docs_url=None, redoc_url=None, openapi_url=f"{API}/openapi.json"
    )
    place = replace(place, read=decoder().ask)
    app.state.place, app.state.bell = place, Bell(place)
    app.state.stores, app.state.galleries = Pool(place.store), Pool(place.gallery)
    answer_errors(app)
    asker, memory = Asker(place, app.state.stores), comfy.Memory()
    app.state.asker = asker
    app.include_router(studio.router)
    app.include_router(work.router)
    app.include_router(openai.router(asker))
    app.include_router(a1111.router(asker, studio.drawing_styles()))
    for prefix in ("", "/api"):
        app.include_router(comfy.router(asker, memory), prefix=prefix, include_in_schema=not prefix)
    app.include_router(live.router(live_painter()))
    if with_page:
        page.serve(app)
    return Guard(app, Rules(token, hosts, LARGE, accounts))


def answer_errors(app: FastAPI) -> None:
    """Every error is one sentence, as problem+json; for OpenAI's clients in their shape."""

    def answer(request: Request, status: int, detail: str) -> JSONResponse:
        if request.url.path.startswith(f"{openai.PREFIX}/"):
            return JSONResponse(openai.problem(detail, status), 400 if status in (409, 422) else status)
        return JSONResponse(problem(status, detail), status, media_type="application/problem+json")

    @app.exception_handler(DanqingError)
    def ours(request: Request, error: DanqingError) -> JSONResponse:
        return answer(request, 409 if isinstance(error, JobError) else STATUS.get(error.exit_code, 500), str(error))

    @app.exception_handler(RequestValidationError)
    def theirs(request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:]) or "the body"
        return answer(request, 422, f"{where}: {first['msg']}; look at {API}/openapi.json.")

    @app.exception_handler(HTTPException)
    def plain_http(request: Request, error: HTTPException) -> JSONResponse:
        return answer(request, error.status_code, str(error.detail))
