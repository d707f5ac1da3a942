"""What a job is: plain data, so that any worker can do it and a dead one's work can be done again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

State = Literal["waiting", "running", "done", "failed", "cancelled"]
OPEN: tuple[State, ...] = ("waiting", "running")
CLOSED: tuple[State, ...] = ("done", "failed", "cancelled")


@dataclass(frozen=True)
class Job:
    """One row of the store."""

    id: str
    """opaque"""
    kind: str
    """paint, stylize, ...: a name of danqing.jobs.kinds"""
    wishes: Mapping[str, Any]
    """JSON-safe; what is asked for, its seed included"""
    state: State
    priority: int
    """larger goes first; jobs of one priority go by age"""
    attempts: int
    """how often a worker has begun it"""
    created: float
    """seconds since 1970"""
    started: float | None
    ended: float | None
    done: float
    """0 .. 1"""
    message: str
    """how far it is, or why it failed; one sentence"""
    files: tuple[str, ...]
    """names of the results in the job's folder that are no pictures"""
    pictures: tuple[str, ...]
    """ids in the gallery, as they come"""
    version: int
    """grows with every change of any job, so that listeners can ask for what is new"""
