"""What all tests share: a home of their own, and one thread, so that runs do not disturb each other."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("NO_COLOR", "1")


@pytest.fixture(autouse=True, scope="session")
def danqing_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """DANQING_HOME is an empty folder of this run; nothing of the user's is read or written."""
    home = tmp_path_factory.mktemp("danqing-home")
    before = os.environ.get("DANQING_HOME")
    os.environ["DANQING_HOME"] = str(home)
    yield home
    os.environ.pop("DANQING_HOME")
    if before is not None:
        os.environ["DANQING_HOME"] = before
