"""Where Danqing keeps what it makes for itself: data sets, taught manners."""

import os
from pathlib import Path

from platformdirs import user_data_path

from danqing.errors import UsageError

LONGEST = 60
"""letters of a name"""
IMPOSSIBLE = '/\\:*?"<>|'
"""in the names of files, on one system or another"""


def danqing_home() -> Path:
    """The environment's DANQING_HOME, else the usual folder of this system."""
    home = os.environ.get("DANQING_HOME")
    return Path(home).expanduser() if home else user_data_path("danqing")


def taught_folder() -> Path:
    return danqing_home() / "styles"


def taught_names() -> list[str]:
    """Sorted."""
    return sorted(path.stem for path in taught_folder().glob("*.safetensors"))


def taught_file(name: str) -> Path:
    """Where the manner of that name lies, whether it is there or not. Raises UsageError for a name no file can have."""
    wrong = [letter for letter in name if letter in IMPOSSIBLE or letter < " "]
    if not name.strip() or len(name) > LONGEST or name[0] in ".-" or wrong:
        raise UsageError(f"{name[:LONGEST]!r} cannot name a manner; give 1 to {LONGEST} letters without slashes.")
    return taught_folder() / f"{name}.safetensors"
