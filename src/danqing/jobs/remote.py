"""A studio on another machine, as a worker sees it: the same queue, gallery and uploads, through the server's /worker.

The server is the broker: a job is plain data with its seed, its pictures go back as whole PNGs, and nothing but its
address and its token is needed. What a lost line or a killed server leaves undone is asked again; who was away for
longer than a lease has lost the job, and what he made of it does not count.
"""

import http.client
import json
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from danqing.errors import DanqingError, NotFoundError, UsageError
from danqing.images.writing import write_atomic
from danqing.jobs.job import Job, State
from danqing.jobs.site import StoppedError
from danqing.jobs.wishes import public_files

API = "/api/v1"
"""where the server's own routes begin"""
KINDS = ("paint", "vary", "blend", "upscale", "stylize", "describe")
"""what is done afar; trainings stay where their models shall lie"""
PATIENCE = 30.0
"""seconds of one question"""
AGAIN = 60.0
"""seconds that a server may be away, as when it is begun anew"""


@dataclass(frozen=True)
class Line:
    """Questions to the server."""

    address: str
    """http://HOST:PORT"""
    token: str

    def ask(self, method: str, path: str, body: Any = None) -> bytes:
        """Ask until there is an answer. Raises the server's refusals, DanqingError where it stays away."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        kind = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        headers = {"authorization": f"Bearer {self.token}", "content-type": kind}
        request = urllib.request.Request(f"{self.address}{API}{path}", data, headers, method=method)
        over = time.monotonic() + AGAIN
        while True:
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                    found: bytes = answer.read()
                    return found
            except urllib.error.HTTPError as error:
                raise refusal(error) from None
            except (OSError, http.client.HTTPException) as error:
                if time.monotonic() > over:
                    raise DanqingError(f"{self.address} does not answer ({error}); is it running?") from None
                time.sleep(0.5)

    def json(self, method: str, path: str, body: Any = None) -> Any:
        return json.loads(self.ask(method, path, body))


def refusal(error: urllib.error.HTTPError) -> DanqingError:
    try:
        sentence = str(json.loads(error.read())["detail"])
    except (ValueError, KeyError, TypeError, OSError):
        sentence = f"The server answered {error.code}."
    kinds: dict[int, type[DanqingError]] = {404: NotFoundError, 401: UsageError, 421: UsageError, 422: UsageError}
    return kinds.get(error.code, DanqingError)(sentence)


class Afar:
    """A studio on another machine; what was fetched once stays in a folder of this one."""

    kinds: Sequence[str] | None = KINDS

    def __init__(self, line: Line, folder: Path | None = None) -> None:
        self.line, self.folder = line, folder or Path(tempfile.mkdtemp(prefix="danqing-worker-"))

    # The queue.

    def claim(self, worker: str, kinds: Sequence[str]) -> Job | None:
        found = self.line.json("POST", "/worker/claim", {"worker": worker, "kinds": list(kinds)})["job"]
        return Job(**found | {name: tuple(found[name]) for name in ("files", "pictures")}) if found else None

    def renew(self, job: str, worker: str, done: float, message: str = "") -> bool:
        return self.held(job, "renew", {"worker": worker, "done": done, "message": message})

    def keep(self, job: str, worker: str) -> bool:
        return self.held(job, "keep", {"worker": worker})

    def release(self, job: str, worker: str) -> None:
        self.held(job, "release", {"worker": worker})

    def end(self, job: str, worker: str, state: State, message: str = "", files: Sequence[str] = ()) -> bool:
        return self.held(job, "end", {"worker": worker, "state": state, "message": message, "files": list(files)})

    def held(self, job: str, act: str, body: Any) -> bool:
        return bool(self.line.json("POST", f"/worker/{job}/{act}", body)["held"])

    # Pictures and files.

    def upload(self, name: str) -> Path:
        return self.fetched(name, f"/uploads/{urllib.parse.quote(name, safe='')}")

    def existing(self, name: str) -> Path:
        return self.fetched(name, f"/pictures/{urllib.parse.quote(name, safe='')}/file")

    def fetched(self, name: str, path: str) -> Path:
        file = self.folder / "pictures" / f"{name}.png"
        if not file.exists():
            data = self.line.ask("GET", path)  # refuses what is no id
            file.parent.mkdir(parents=True, exist_ok=True)
            write_atomic(file, data)
        return file

    def place_of(self, job: str) -> Path:
        return self.folder / "results" / job

    def add(self, job: str, worker: str, name: str, png: bytes, parents: Sequence[str]) -> None:
        query = urllib.parse.urlencode({"worker": worker, "parents": ",".join(parents)})
        try:
            self.line.ask("POST", f"/worker/{job}/pictures/{name}?{query}", png)
        except NotFoundError as error:
            raise StoppedError(str(error)) from None

    def leave(self, job: Job, worker: str) -> list[str]:
        folder, names = self.place_of(job.id), public_files(self.place_of(job.id), job.kind)
        for name in names:
            query = urllib.parse.urlencode({"worker": worker, "name": name})
            self.line.ask("POST", f"/worker/{job.id}/files?{query}", (folder / name).read_bytes())
        return names

    def look(self) -> bool:
        """The server's own workers find out what pictures look like."""
        return False

    def another(self) -> "Afar":
        return self

    def close(self) -> None:
        """Nothing is open."""
