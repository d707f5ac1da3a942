"""Jobs: work that is accepted once and done once, whatever is killed in between.

The store knows nothing of models, so that a server can take jobs without torch; `danqing.jobs.worker` does them.
"""

from danqing.jobs.job import Job, State
from danqing.jobs.place import Place
from danqing.jobs.store import Store
from danqing.jobs.uploads import Uploads
from danqing.jobs.wishes import JOBS, check, public_files

__all__ = ["JOBS", "Job", "Place", "State", "Store", "Uploads", "check", "public_files"]
