"""The page: built from web/, committed, served as it is."""

import re
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from starlette.staticfiles import StaticFiles

STATIC = Path(str(files("danqing").joinpath("server", "static")))
HASHED = re.compile(r"-[\w-]{8}\.(js|css)$")
FOREVER = {"cache-control": "private, max-age=31536000, immutable"}


def serve(app: FastAPI) -> None:
    """Add the page and its parts; the names of parts change with their content."""

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", media_type="text/html")

    @app.get("/favicon.svg", include_in_schema=False)
    def icon() -> FileResponse:
        return FileResponse(STATIC / "favicon.svg", media_type="image/svg+xml")

    app.mount("/assets", Parts(directory=STATIC / "assets", check_dir=False), name="assets")


class Parts(StaticFiles):
    def file_response(self, *args: object, **kwargs: object) -> object:  # type: ignore[override]
        """Names with a hash are kept for ever, others are asked for again."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        if HASHED.search(str(args[0])):
            response.headers.update(FOREVER)
        return response
