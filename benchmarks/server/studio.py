"""A studio in processes of its own, to be loaded and killed."""

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx2

TOKEN = "benchmark-token"
API = "/api/v1"
AUTH = {"authorization": f"Bearer {TOKEN}"}


class Studio:
    def __init__(self, folder: Path, workers: int = 1) -> None:
        self.folder, self.workers = folder, workers
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self.server: subprocess.Popen[bytes] | None = None

    def begin(self) -> float:
        """Start it; returns the seconds until it answered."""
        command = [sys.executable, "-m", "danqing", "studio", "--port", str(self.port), "--folder", str(self.folder),
                   "--token", TOKEN, "--workers", str(self.workers)]  # fmt: skip
        began = time.monotonic()
        self.server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while time.monotonic() - began < 60:
            try:
                httpx2.get(f"{self.address}{API}/kinds", headers=AUTH, timeout=5)
                return time.monotonic() - began
            except httpx2.TransportError:
                time.sleep(0.02)
        raise RuntimeError("the server does not answer")

    def kill(self) -> None:
        """As a power cut would."""
        assert self.server
        self.server.send_signal(signal.SIGKILL)
        self.server.wait()

    def workers_of(self) -> list[int]:
        """Process ids of its workers."""
        assert self.server
        task = Path(f"/proc/{self.server.pid}/task")
        found = [path.read_text().split() for path in task.glob("*/children")]
        return [int(pid) for pids in found for pid in pids if "worker" in command_of(int(pid))]

    def handles(self) -> int:
        """Open files and sockets of the server."""
        assert self.server
        return len(list(Path(f"/proc/{self.server.pid}/fd").iterdir()))

    def client(self) -> httpx2.Client:
        return httpx2.Client(base_url=f"{self.address}{API}", headers=AUTH, timeout=30)

    def __enter__(self) -> "Studio":
        self.begin()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.server and self.server.poll() is None:
            self.server.terminate()
            self.server.wait(60)


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""
