"""Things that are opened once and lent again and again, one borrower at a time: SQLite files are slow to open."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    def __init__(self, opens: Callable[[], T]) -> None:
        self.opens = opens
        self.idle: SimpleQueue[T] = SimpleQueue()

    @contextmanager
    def lent(self) -> Iterator[T]:
        """One that nobody else has; a new one where all are lent."""
        try:
            one = self.idle.get_nowait()
        except Empty:
            one = self.opens()
        try:
            yield one
        finally:
            self.idle.put(one)
