"""A process of its own for work that may be slow to begin, or that strangers' files might break."""

import multiprocessing
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from danqing.errors import BadInputError, DanqingError


class Helper:
    """Begun when it is first asked, and again after it was lost; answers one after the other, whichever thread asks."""

    def __init__(self, answers: Callable[[Connection], None], patience: float, lost: DanqingError) -> None:
        """`answers`: what the process does, see `serve`; `patience`: seconds an answer may take; `lost`: the error
        where none comes."""
        self.answers, self.patience, self.lost = answers, patience, lost
        self.lock = threading.Lock()
        self.process: Any = None
        self.pipe: Connection | None = None

    def ask(self, *message: Any) -> bytes:
        """Raises BadInputError with the process's own sentence, and `lost` where it was lost over it."""
        with self.lock:
            pipe = self.begun()
            try:
                pipe.send(message)
                if not pipe.poll(self.patience):
                    raise EOFError
                good, data = pipe.recv()
            except (EOFError, OSError):
                self.stop()
                raise self.lost from None
        if not good:
            raise BadInputError(data)
        answer: bytes = data
        return answer

    def begun(self) -> Connection:
        if self.pipe is None or not self.process.is_alive():
            context = multiprocessing.get_context("spawn")
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=self.answers, args=(theirs,), daemon=True)
            self.process.start()
            theirs.close()
        return self.pipe

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
        self.process, self.pipe = None, None


def serve(pipe: Connection, answer: Callable[..., bytes]) -> None:
    """Answer until the other end is closed: (True, bytes), or (False, sentence) for what Danqing refuses."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the server says when it is over
    while True:
        try:
            message = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send((True, answer(*message)))
        except DanqingError as error:
            pipe.send((False, str(error)))
        except MemoryError:
            pipe.send((False, "It needs more memory than it may have; give a smaller picture."))
