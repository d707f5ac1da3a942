"""danqing serve, danqing worker"""

import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.words import Talk
from danqing.errors import MissingExtraError, UsageError

HERE = "127.0.0.1"
Folder = Annotated[
    Path | None,
    typer.Option(help="Where jobs, pictures and uploads are kept; the studio folder of DANQING_HOME if left out."),
]


def serve(
    talk: Talk,
    port: Annotated[int, typer.Option(help="On this machine only.", min=1, max=65535)] = 7860,
    folder: Folder = None,
    token: Annotated[str | None, typer.Option(help="What clients must know; made and kept if left out.")] = None,
    workers: Annotated[
        int, typer.Option(help="Processes that paint; 0 for workers that you start yourself.", min=0)
    ] = 1,
) -> dict[str, Any]:
    """Take jobs over HTTP and paint them: an API for other programs, on this machine. Ctrl+C stops; no job is lost."""
    try:
        import uvicorn

        from danqing.jobs import Place
        from danqing.server.app import create_app
        from danqing.server.studio import API
    except ImportError:
        raise MissingExtraError("The server", "studio") from None
    place = Place(home(folder))
    place.folder.mkdir(parents=True, exist_ok=True)
    known = token or kept_token(place.folder / "token")
    if len(known) < 8:
        raise UsageError(f"A token of {len(known)} letters is easily guessed; give 8 or more.")
    address = f"http://{HERE}:{port}{API}"
    talk.say(f"Danqing answers at {address}; send the header 'Authorization: Bearer {known}'.")
    with painters(place.folder, workers):
        uvicorn.run(
            create_app(place, known, [f"{HERE}:{port}", f"localhost:{port}"]), host=HERE, port=port, log_level="warning"
        )
    return {"address": address, "folder": str(place.folder)}


def worker(talk: Talk, folder: Folder = None) -> dict[str, Any]:
    """Paint the jobs that a server has taken; any number of workers may share one folder. Ctrl+C gives the job back."""
    from danqing.jobs import Place
    from danqing.jobs.worker import Worker

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    place = Place(home(folder))
    one = Worker(place)
    talk.note(f"Working for {place.folder}.")
    one.run()
    return {}


def home(folder: Path | None) -> Path:
    from danqing.home import danqing_home

    return folder or danqing_home() / "studio"


def kept_token(path: Path) -> str:
    """The token of this folder, made once; only its owner may read it."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(24))
    return path.read_text().strip()


@contextmanager
def painters(folder: Path, count: int) -> Iterator[None]:
    """So many workers, each begun again when it dies."""
    over = threading.Event()
    threads = [threading.Thread(target=painter, args=(folder, over)) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


def painter(folder: Path, over: threading.Event) -> None:
    while not over.is_set():
        process = subprocess.Popen([sys.executable, "-m", "danqing", "worker", "--folder", str(folder), "--quiet"])
        while process.poll() is None:
            if over.wait(0.2):
                process.terminate()
                process.wait()
        over.wait(0.5)
