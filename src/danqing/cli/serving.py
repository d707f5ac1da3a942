"""danqing studio, danqing serve, danqing account, danqing worker, danqing gallery rebuild"""

import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from danqing.cli.words import Talk
from danqing.errors import MissingExtraError, UsageError

HERE = "127.0.0.1"
PORT = 7860
GENTLE = 10
"""how much workers stand back behind their server"""
Folder = Annotated[
    Path | None,
    typer.Option(help="Where jobs, pictures and uploads are kept; the studio folder of DANQING_HOME if left out."),
]


Port = Annotated[int, typer.Option(help="Of this machine.", min=1, max=65535)]
Token = Annotated[
    str | None, typer.Option(help="What clients must know; made and kept if left out.", envvar="DANQING_TOKEN")
]
Workers = Annotated[int, typer.Option(help="Processes that paint; 0 for workers that you start yourself.", min=0)]
Listen = Annotated[
    str,
    typer.Option(metavar="ADDRESS", help="Of this machine; any but its own (127.0.0.1) needs --token or --accounts."),
]
AccountFile = Annotated[
    Path | None,
    typer.Option(
        "--accounts", metavar="FILE", help="Names and passwords that may come in; 'danqing account' makes it."
    ),
]


Names = Annotated[
    list[str] | None, typer.Option("--name", help="Another name that clients reach it by, as a host name of a network.")
]


def studio(
    talk: Talk,
    port: Port = PORT,
    folder: Folder = None,
    token: Token = None,
    workers: Workers = 1,
    listen: Listen = HERE,
    name: Names = None,
    accounts: AccountFile = None,
    open: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
) -> dict[str, Any]:
    """The page to paint with eyes and hands, and the API, on this machine. Ctrl+C stops; no job is lost."""
    return served(
        talk, Door(listen, port, tuple(name or ())), home(folder), token, accounts, workers, page=True, show=open
    )


def serve(
    talk: Talk,
    port: Port = PORT,
    folder: Folder = None,
    token: Token = None,
    workers: Workers = 1,
    listen: Listen = HERE,
    name: Names = None,
    accounts: AccountFile = None,
) -> dict[str, Any]:
    """Take jobs over HTTP and paint them: an API for other programs, on this machine. Ctrl+C stops; no job is lost."""
    return served(
        talk, Door(listen, port, tuple(name or ())), home(folder), token, accounts, workers, page=False, show=False
    )


@dataclass(frozen=True)
class Door:
    listen: str
    port: int
    names: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return f"http://{self.listen}:{self.port}"

    @property
    def hosts(self) -> list[str]:
        """Exact Host headers that are answered."""
        names = {self.listen, "localhost"} if self.listen == HERE else {self.listen, socket.gethostname()}
        return [f"{name}:{self.port}" for name in sorted({*names, *self.names})]


def served(
    talk: Talk,
    door: Door,
    folder: Path,
    token: str | None,
    accounts: Path | None,
    workers: int,
    page: bool,
    show: bool,
) -> dict[str, Any]:
    try:
        import uvicorn

        from danqing.jobs import Place
        from danqing.jobs.remote import API
        from danqing.server.accounts import Accounts, read_accounts
        from danqing.server.app import create_app
    except ImportError:
        raise MissingExtraError("The server", "studio") from None
    place = Place(folder)
    place.folder.mkdir(parents=True, exist_ok=True)
    known = safe_token(token, door, place.folder, bool(accounts))
    people = Accounts(read_accounts(accounts)) if accounts else None
    if door.listen != HERE:
        who = f"the token or one of {len(people.hashes)} passwords" if people else "the token"
        talk.say(f"Everyone who reaches {door.listen} and knows {who} can paint here and see what was painted.")
    if people:
        talk.say(f"By name and password at {door.address}: {', '.join(sorted(people.hashes))}.")
    if page:
        talk.say(f"The studio is open at {door.address}/?token={known}")
    else:
        talk.say(f"Danqing answers at {door.address}{API}; send the header 'Authorization: Bearer {known}'.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else workers would outlive their server
    app = create_app(place, known, door.hosts, page, people)
    with painters(place.folder, workers):
        if show:
            threading.Timer(1.0, webbrowser.open, [f"{door.address}/?token={known}"]).start()
        uvicorn.run(app, host=door.listen, port=door.port, log_level="warning", timeout_graceful_shutdown=2)
    return {"address": door.address, "folder": str(place.folder)}


def account(
    talk: Talk,
    file: Annotated[Path, typer.Argument(help="Made if it is not there yet.")],
    name: Annotated[str, typer.Argument(help="Of the person; an account of that name gets the new password.")],
    from_stdin: Annotated[
        bool, typer.Option("--from-stdin", help="Read the password from standard input, for scripts.")
    ] = False,
) -> dict[str, Any]:
    """Give someone a password for 'danqing studio --accounts FILE'; it is asked for, and kept as an Argon2 hash."""
    try:
        from danqing.server.accounts import add_account
    except ImportError:
        raise MissingExtraError("An account", "studio") from None
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    else:
        password = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    add_account(file, name, password)
    talk.say(f"{name} is in {file}; begin the studio with --accounts {file}.")
    return {"file": str(file), "name": name}


def safe_token(token: str | None, door: Door, folder: Path, accounts: bool = False) -> str:
    """Raises UsageError for one that is easily guessed, or none where strangers may come and there are no accounts."""
    if token is None and door.listen != HERE and not accounts:
        raise UsageError(
            f"Who listens at {door.listen} is reached by others; choose a --token of 16 letters or more, or --accounts."
        )
    known = token or kept_token(folder / "token")
    least = 8 if door.listen == HERE else 16
    if len(known) < least:
        raise UsageError(f"A token of {len(known)} letters is easily guessed; give {least} or more.")
    return known


def rebuild(talk: Talk, folder: Folder = None) -> dict[str, Any]:
    """Make the index of the gallery anew from the pictures and the notes beside them; nothing else is touched."""
    from danqing.jobs import Place

    gallery = Place(home(folder)).gallery()
    count, troubles = gallery.rebuild()
    for trouble in troubles:
        talk.say(trouble)
    talk.say(f"{count} pictures are in the gallery.")
    return {"pictures": count, "troubles": troubles}


SPINS = "1000"
"""how long a thread of GNU's OpenMP spins before it sleeps, in turns"""


def worker(
    talk: Talk,
    folder: Folder = None,
    server: Annotated[
        str | None, typer.Option(help="Address of a studio elsewhere, http://HOST:7860; needs --token.")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Of that studio.", envvar="DANQING_TOKEN")] = None,
    parent: Annotated[
        int | None, typer.Option(metavar="PROCESS", help="Number of the process that began it; stop when it is gone.")
    ] = None,
) -> dict[str, Any]:
    """Paint the jobs that a studio has taken, here or on another machine; any number of workers may share one queue.
    Ctrl+C gives the job back."""
    if "OMP_WAIT_POLICY" not in os.environ:  # both are read when torch loads; see docs/decisions.md
        os.environ["OMP_WAIT_POLICY"] = "passive"
        os.environ.setdefault("GOMP_SPINCOUNT", SPINS)
    if parent and hasattr(os, "nice"):
        os.nice(GENTLE)  # the server begins and answers while pictures are painted

    from danqing.jobs import Place
    from danqing.jobs.remote import Afar, Line
    from danqing.jobs.worker import Worker, worker_of

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if server and not token:
        raise UsageError(f"{server} asks for a token; give the one it printed with --token.")
    one = Worker(Afar(Line(server.rstrip("/"), token or ""))) if server else worker_of(Place(home(folder)))
    talk.note(f"Working for {server or home(folder)}.")
    one.run(lambda: bool(parent) and os.getppid() != parent)
    return {}


def home(folder: Path | None) -> Path:
    from danqing.home import danqing_home

    return folder or danqing_home() / "studio"


def kept_token(path: Path) -> str:
    """The token of this folder, made once; only its owner may read it."""
    if not path.exists() or not path.read_text().strip():
        part = path.with_suffix(".part")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(24))
        part.replace(path)
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
        mine = ["--folder", str(folder), "--parent", str(os.getpid()), "--quiet"]
        process = subprocess.Popen([sys.executable, "-m", "danqing", "worker", *mine])
        while process.poll() is None:
            if over.wait(0.2):
                process.terminate()
                process.wait()
        over.wait(0.5)
