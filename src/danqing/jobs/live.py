"""Painting that follows the hand: a process that keeps the painter warm and answers one glimpse at a time."""

import io
import multiprocessing
import threading
from collections.abc import Mapping
from multiprocessing.connection import Connection
from typing import Any

from danqing.errors import DanqingError, UsageError

HEEDED = ("prompt", "negative", "seed", "style", "strength", "guidance", "steps")
QUALITY = 90
"""of the JPEG"""
PATIENCE = 60.0
"""seconds that an answer may take, the loading of the model included"""


class Live:
    """The process, begun when it is first asked; used by one thread at a time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: Any = None
        self.pipe: Connection | None = None

    def paint(self, wishes: Mapping[str, Any], drawing: bytes) -> bytes:
        """A JPEG. `drawing`: a picture to start from, b"" for none. Raises UsageError and what painting raises."""
        strange = set(wishes) - set(HEEDED)
        if strange:
            raise UsageError(f"'{min(strange)}' is not heeded here; known: {', '.join(HEEDED)}.")
        with self.lock:
            pipe = self.begun()
            try:
                pipe.send((dict(wishes), drawing))
                if not pipe.poll(PATIENCE):
                    raise EOFError
                good, data = pipe.recv()
            except (EOFError, OSError):
                self.stop()
                raise DanqingError("The painter of live pictures was lost; it begins anew, draw on.") from None
        if not good:
            raise UsageError(data)
        painted: bytes = data
        return painted

    def begun(self) -> Connection:
        if self.pipe is None or not self.process.is_alive():
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=answer, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
        return self.pipe

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
        self.process, self.pipe = None, None


def answer(pipe: Connection) -> None:
    """Until the other end is closed: (wishes, drawing) -> (True, JPEG) or (False, sentence)."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when it is over
    from PIL import Image

    from danqing import api

    while True:
        try:
            wishes, drawing = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            given = dict(wishes) | ({"image": drawing} if drawing else {})
            prompt = str(given.pop("prompt", ""))
            if not drawing:
                given.pop("strength", None)
            picture = api.glimpse(prompt, **given)
            memory = io.BytesIO()
            Image.fromarray(picture.pixels).convert("RGB").save(memory, "JPEG", quality=QUALITY)
            pipe.send((True, memory.getvalue()))
        except (DanqingError, TypeError, ValueError) as error:
            pipe.send((False, str(error)))
