"""One SQLite file that several processes may share, whose changes are whole or not at all, through a loss of power."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from danqing.errors import DiskError, UsageError

BUSY = 10.0
"""seconds to wait for another process's transaction"""


class Database:
    """Used by one thread at a time, the file by any number of them."""

    def __init__(self, path: Path, versions: Sequence[str]) -> None:
        """Opens or makes the file. `versions`: statements that lead from one format of the file to the next.

        Raises DiskError, and UsageError for a file of a newer Danqing.
        """
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = not path.exists() or not path.stat().st_size
            self.base = sqlite3.connect(path, timeout=BUSY, isolation_level=None, check_same_thread=False)
            if fresh:
                self.base.execute("PRAGMA journal_mode = WAL")  # kept in the file
            self.base.execute("PRAGMA synchronous = FULL")
            if self.version() != len(versions):  # who only reads takes no lock
                with self.change():
                    self.prepare(versions)
        except (OSError, sqlite3.Error) as error:
            raise DiskError(f"{path} cannot be used ({error}); choose another place or free space.") from None

    def version(self) -> int:
        (version,) = self.base.execute("PRAGMA user_version").fetchone()
        return int(version)

    def prepare(self, versions: Sequence[str]) -> None:
        version = self.version()
        if version > len(versions):
            raise UsageError(f"{self.path} was made by a newer Danqing; use that, or choose another place.")
        for number, statements in enumerate(versions[version:], version + 1):
            for statement in statements.split(";"):
                self.base.execute(statement)
            self.base.execute(f"PRAGMA user_version = {number}")

    @contextmanager
    def change(self) -> Iterator[None]:
        """All or nothing. Raises DiskError where it cannot be kept."""
        try:
            self.base.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self.base.execute("ROLLBACK")
                raise
            self.base.execute("COMMIT")
        except sqlite3.Error as error:
            raise DiskError(f"{self.path} could not keep a change ({error}); free space and ask again.") from None

    def close(self) -> None:
        self.base.close()
