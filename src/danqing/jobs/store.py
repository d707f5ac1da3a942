"""The queue that loses nothing: one SQLite file that several processes may share.

A job is accepted when its row is committed (write-ahead log, synchronous = FULL: also through a loss of power). A
worker holds a job by a lease that it must renew; a lease that has run out gives the job back, and after MOST_ATTEMPTS
lost workers it fails with that reason. All changes are single transactions.
"""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from danqing.database import Database
from danqing.errors import NotFoundError, UsageError
from danqing.jobs.job import CLOSED, Job, State

LEASE = 30.0
"""seconds that a worker may be silent"""
MOST_ATTEMPTS = 5
MOST_WAITING = 10_000
"""jobs"""
PAGE = 100
"""rows of a page, at most"""
TABLES = [
    """
CREATE TABLE jobs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, wishes TEXT NOT NULL, state TEXT NOT NULL, priority INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0, created REAL NOT NULL, started REAL, ended REAL, done REAL NOT NULL DEFAULT 0,
    message TEXT NOT NULL DEFAULT '', files TEXT NOT NULL DEFAULT '[]', version INTEGER NOT NULL,
    key TEXT UNIQUE, lease REAL, worker TEXT
);
CREATE INDEX by_turn ON jobs (state, priority DESC, created);
CREATE INDEX by_version ON jobs (version);
""",
    "ALTER TABLE jobs ADD COLUMN pictures TEXT NOT NULL DEFAULT '[]'",
]
COLUMNS = (
    "id, kind, wishes, state, priority, attempts, created, started, ended, done, message, files, pictures, version"
)
LISTS = ("files", "pictures")


class Store(Database):
    """Every method is one transaction; a Store may be used by one thread only, the file by any number of them."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        """Opens or makes the file. Raises DiskError, UsageError for a file of a newer Danqing."""
        super().__init__(path, TABLES)
        self.clock = clock

    # What clients do.

    def submit(self, kind: str, wishes: Mapping[str, Any], priority: int = 0, key: str | None = None) -> Job:
        """Accept a job; what comes twice under one key is one job. Raises UsageError for another job under that key."""
        try:
            text = json.dumps(wishes, sort_keys=True, ensure_ascii=False, allow_nan=False)
            text.encode()
        except ValueError:
            raise UsageError("The wishes hold half letters, or numbers that are none; give whole ones.") from None
        with self.change():
            known = (
                self.base.execute("SELECT id, kind, wishes FROM jobs WHERE key = ?", (key,)).fetchone() if key else None
            )
            if known and known[1:] != (kind, text):
                raise UsageError(f"The key '{key}' was given to another job before; take a new one.")
            if known:
                return self.get(known[0])
            (waiting,) = self.base.execute("SELECT count(*) FROM jobs WHERE state = 'waiting'").fetchone()
            if waiting >= MOST_WAITING:
                raise UsageError(f"{waiting:,} jobs wait already; ask again when some are done.")
            made = secrets.token_urlsafe(12)
            self.base.execute(
                "INSERT INTO jobs (id, kind, wishes, state, priority, created, version, key) "
                "VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?)",
                (made, kind, text, priority, self.clock(), self.next_version(), key),
            )
            return self.get(made)

    def get(self, job: str) -> Job:
        """Raises NotFoundError."""
        row = self.base.execute(f"SELECT {COLUMNS} FROM jobs WHERE id = ?", (job,)).fetchone()
        if row is None:
            raise NotFoundError(f"There is no job '{job}'; look at the list of jobs.")
        return job_of(row)

    def page(
        self, before: float | None = None, state: State | None = None, count: int = PAGE, kinds: Sequence[str] = ()
    ) -> list[Job]:
        """The newest jobs, or those older than the time `before`; of some kinds only if these are named."""
        only = f"AND kind IN ({','.join('?' * len(kinds))})" if kinds else ""
        rows = self.base.execute(
            f"SELECT {COLUMNS} FROM jobs WHERE (? IS NULL OR created < ?) AND (? IS NULL OR state = ?) {only} "
            "ORDER BY created DESC, id DESC LIMIT ?",
            (before, before, state, state, *kinds, min(count, PAGE)),
        )
        return [job_of(row) for row in rows]

    def changed_since(self, version: int, count: int = PAGE) -> list[Job]:
        """Jobs that have changed since, in the order of their changes."""
        rows = self.base.execute(
            f"SELECT {COLUMNS} FROM jobs WHERE version > ? ORDER BY version LIMIT ?", (version, count)
        )
        return [job_of(row) for row in rows]

    def newest(self) -> int:
        """The version of the last change, 0 where there was none."""
        return self.next_version() - 1

    def cancel(self, job: str) -> Job:
        """A waiting job ends at once, a running one within a step of its worker; one that has ended stays as it is."""
        with self.change():
            if self.get(job).state not in CLOSED:
                self.set(job, state="cancelled", ended=self.clock(), message="Cancelled.", lease=None)
            return self.get(job)

    def again(self, job: str) -> Job:
        """Put a job that failed or was cancelled back into the queue; its folder is as it was. Raises UsageError."""
        with self.change():
            if self.get(job).state not in ("failed", "cancelled"):
                raise UsageError(
                    f"Job '{job}' is {self.get(job).state}; only one that failed or was cancelled goes on."
                )
            self.set(job, state="waiting", attempts=0, ended=None, message="It goes on.", lease=None, worker=None)
            return self.get(job)

    # What workers do.

    def claim(self, worker: str, kinds: Sequence[str]) -> Job | None:
        """The next job of these kinds, now running and held by `worker`; None where none waits.

        Jobs that lost a worker come after the others: one that kills workers does not hold them up, and one that is
        innocent does not meet every kill.
        """
        with self.change():
            self.give_back()
            places = ",".join("?" * len(kinds))
            row = self.base.execute(
                f"SELECT id, attempts FROM jobs WHERE state = 'waiting' AND kind IN ({places}) "
                "ORDER BY priority DESC, attempts, created, id LIMIT 1",
                tuple(kinds),
            ).fetchone()
            if row is None:
                return None
            now = self.clock()
            self.set(
                row[0],
                state="running",
                attempts=row[1] + 1,
                started=now,
                lease=now + LEASE,
                worker=worker,
                done=0.0,
                pictures="[]",
            )
            return self.get(row[0])

    def give_back_of(self, lost: Callable[[str], bool]) -> None:
        """Give back what is held by workers that are known to be lost."""
        with self.change():
            held = self.base.execute("SELECT DISTINCT worker FROM jobs WHERE state = 'running'").fetchall()
            for worker in [name for (name,) in held if lost(name)]:
                self.base.execute("UPDATE jobs SET lease = 0 WHERE state = 'running' AND worker = ?", (worker,))
            self.give_back()

    def give_back(self) -> None:
        """Jobs whose worker was silent too long wait again, or fail."""
        late = "SELECT id, attempts FROM jobs WHERE state = 'running' AND lease < ?"
        for job, attempts in self.base.execute(late, (self.clock(),)).fetchall():
            if attempts < MOST_ATTEMPTS:
                self.set(job, state="waiting", lease=None, worker=None, message="Its worker was lost; it waits again.")
            else:
                message = f"{attempts} workers were lost over it; look at their messages and ask for less."
                self.set(job, state="failed", lease=None, ended=self.clock(), message=message)

    def renew(self, job: str, worker: str, done: float, message: str = "") -> bool:
        """Say how far a held job is; False where it was cancelled or given to another, and work on it must stop."""
        with self.change():
            held = self.holds(job, worker)
            if held:
                self.set(job, done=done, lease=self.clock() + LEASE, **({"message": message} if message else {}))
            return held

    def show(self, job: str, worker: str, picture: str) -> bool:
        """Name a picture that a held job has made; False where it is held no more."""
        with self.change():
            held = self.holds(job, worker)
            if held:
                made = [*self.get(job).pictures, picture]
                self.set(job, pictures=json.dumps(list(dict.fromkeys(made))), lease=self.clock() + LEASE)
            return held

    def keep(self, job: str, worker: str) -> bool:
        """Renew the lease and nothing else."""
        with self.change():
            held = self.holds(job, worker)
            if held:
                self.base.execute("UPDATE jobs SET lease = ? WHERE id = ?", (self.clock() + LEASE, job))
            return held

    def release(self, job: str, worker: str) -> None:
        """Give a held job back as if it had not been begun."""
        with self.change():
            if self.holds(job, worker):
                attempts = self.get(job).attempts - 1
                self.set(job, state="waiting", attempts=attempts, lease=None, worker=None, message="It waits again.")

    def end(self, job: str, worker: str, state: State, message: str = "", files: Sequence[str] = ()) -> bool:
        """Close a held job; False where it is held no more, and what was made of it does not count."""
        with self.change():
            held = self.holds(job, worker)
            if held:
                done = {"done": 1.0} if state == "done" else {}
                names = json.dumps(list(files), ensure_ascii=False)
                self.set(job, state=state, message=message, files=names, ended=self.clock(), lease=None, **done)
            return held

    def holds(self, job: str, worker: str) -> bool:
        row = self.base.execute("SELECT state, worker FROM jobs WHERE id = ?", (job,)).fetchone()
        return row == ("running", worker)

    # Small parts, inside a change.

    def set(self, job: str, **values: Any) -> None:
        values["version"] = self.next_version()
        names = ", ".join(f"{name} = ?" for name in values)
        self.base.execute(f"UPDATE jobs SET {names} WHERE id = ?", (*values.values(), job))

    def next_version(self) -> int:
        (newest,) = self.base.execute("SELECT coalesce(max(version), 0) FROM jobs").fetchone()
        return int(newest) + 1


def job_of(row: Sequence[Any]) -> Job:
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    lists = {name: tuple(json.loads(values[name])) for name in LISTS}
    return Job(**values | lists | {"wishes": json.loads(values["wishes"])})
