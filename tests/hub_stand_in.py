"""A stand-in for the Hugging Face hub and for ModelScope on loopback: what their clients ask, and faults at will."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
LARGE = 1000
"""bytes from which a file is kept as LFS does, named by its sha256"""


class StandIn:
    """Serves folders as repositories, `licence` for all of them."""

    def __init__(self, repositories: dict[str, Path], licence: str = "openrail++") -> None:
        self.repositories, self.licence = repositories, licence
        self.asked: list[str] = []
        """"METHOD path", with the range behind it"""
        self.cut_after: int | None = None
        """bytes of weights after which the line breaks, once"""
        self.spoil = False
        """weights come with one bit turned"""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def do_HEAD(self) -> None:
                stand_in.answer(self, body=False)

            def do_GET(self) -> None:
                stand_in.answer(self, body=True)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        split = urlsplit(request.path)
        path, query = unquote(split.path), parse_qs(split.query)
        self.asked.append(f"{request.command} {path} {request.headers.get('Range', '')}".strip())
        parts = path.strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return self.about(request, "/".join(parts[2:4]))
        if parts[:3] == ["api", "v1", "models"]:
            return self.modelscope(request, "/".join(parts[3:5]), "/".join(parts[5:]), query)
        if len(parts) > 4 and parts[2] == "resolve":
            return self.file(request, "/".join(parts[:2]), "/".join(parts[4:]), body)
        return missing(request)

    def about(self, request: BaseHTTPRequestHandler, name: str) -> None:
        folder = self.repositories.get(name)
        if folder is None:
            return missing(request, {"X-Error-Code": "RepoNotFound"})
        files = []
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            data = path.read_bytes()
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry: dict[str, Any] = {
                "rfilename": path.relative_to(folder).as_posix(),
                "size": len(data),
                "blobId": blob,
            }
            if len(data) >= LARGE:
                sha = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": sha, "size": len(data), "pointerSize": 130}
            files.append(entry)
        said = {"id": name, "sha": COMMIT, "siblings": files, "cardData": {"license": self.licence}}
        return document(request, said)

    def modelscope(self, request: BaseHTTPRequestHandler, name: str, rest: str, query: dict[str, list[str]]) -> None:
        folder = self.repositories.get(name)
        if folder is None:
            return missing(request)
        if rest == "repo":
            return self.file(request, name, query["FilePath"][0], request.command == "GET")
        if rest.startswith("repo/files"):
            files = []
            for path in sorted(path for path in folder.rglob("*") if path.is_file()):
                data = path.read_bytes()
                files.append({"Path": path.relative_to(folder).as_posix(), "Size": len(data), "Type": "blob",
                              "Sha256": hashlib.sha256(data).hexdigest()})  # fmt: skip
            return document(request, {"Code": 200, "Success": True, "Data": {"Files": files}})
        return document(request, {"Code": 200, "Success": True, "Data": {"Name": name, "License": self.licence}})

    def file(self, request: BaseHTTPRequestHandler, name: str, inside: str, body: bool) -> None:
        path = self.repositories.get(name, Path()) / inside
        if name not in self.repositories or not path.is_file():
            return missing(request, {"X-Error-Code": "EntryNotFound"})
        data = path.read_bytes()
        tag = hashlib.sha256(data).hexdigest() if len(data) >= LARGE else hashlib.sha1(data).hexdigest()
        if self.spoil and inside.endswith(".safetensors"):
            data = data[:-1] + bytes([data[-1] ^ 1])
        first = 0
        if asked := request.headers.get("Range"):
            first = int(asked.removeprefix("bytes=").split("-")[0])
        request.send_response(206 if first else 200)
        request.send_header("ETag", f'"{tag}"')
        request.send_header("X-Repo-Commit", COMMIT)
        request.send_header("Accept-Ranges", "bytes")
        request.send_header("Content-Length", str(len(data) - first))
        if first:
            request.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
        request.end_headers()
        if not body:
            return None
        if self.cut_after is not None and inside.endswith(".safetensors") and len(data) - first > self.cut_after:
            cut, self.cut_after = self.cut_after, None
            request.wfile.write(data[first : first + cut])
            request.close_connection = True
            return None
        request.wfile.write(data[first:])
        return None


def document(request: BaseHTTPRequestHandler, said: Any) -> None:
    data = json.dumps(said).encode()
    request.send_response(200)
    request.send_header("Content-Type", "application/json")
    request.send_header("Content-Length", str(len(data)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(data)


def missing(request: BaseHTTPRequestHandler, heads: dict[str, str] | None = None) -> None:
    request.send_response(404)
    for name, value in (heads or {}).items():
        request.send_header(name, value)
    request.send_header("Content-Length", "0")
    request.end_headers()
