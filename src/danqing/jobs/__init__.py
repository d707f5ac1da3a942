"""Jobs: work that is accepted once and done once, whatever is killed in between."""

from danqing.jobs.job import Job, State
from danqing.jobs.store import Store
from danqing.jobs.worker import Worker

__all__ = ["Job", "State", "Store", "Worker"]
