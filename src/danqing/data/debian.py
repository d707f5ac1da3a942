"""Debian packages: fetched with the user's own apt-get, read in place, never unpacked and never installed."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from danqing.errors import NotFoundError

SECONDS = 600
"""that apt-get may take for one package"""


def fetch(name: str, folder: Path) -> Path:
    """The .deb in `folder`, downloaded where it is not there yet. Raises NotFoundError."""
    found = sorted(folder.glob(f"{name}_*.deb"))
    needed = ("dpkg-deb",) if found else ("apt-get", "dpkg-deb")
    if not all(map(shutil.which, needed)):
        raise NotFoundError(f"This system has no {' and '.join(needed)} to read {name} with.")
    if found:
        return found[-1]
    with tempfile.TemporaryDirectory(prefix="fetching-", dir=folder) as temporary:
        command = ["apt-get", "download", name]
        try:
            subprocess.run(command, cwd=temporary, check=True, capture_output=True, timeout=SECONDS)
        except (subprocess.SubprocessError, OSError):
            raise NotFoundError(f"apt-get could not download {name}.") from None
        return Path(shutil.move(next(Path(temporary).glob("*.deb")), folder))


def version(package: Path) -> str:
    """Of a .deb as apt-get names it.

    >>> version(Path("some-data_1%3a2.0-1_all.deb"))
    '1:2.0-1'
    """
    return package.stem.split("_")[1].replace("%3a", ":")


def files(package: Path, wanted: Callable[[str, int], bool]) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each plain file whose path ("./usr/…") and size are wanted. Raises NotFoundError."""
    try:
        with _tar(package) as archive:
            for entry in archive:
                if entry.isfile() and wanted(entry.name, entry.size):
                    file = archive.extractfile(entry)
                    yield entry.name, file.read() if file else b""
    except (tarfile.TarError, subprocess.SubprocessError, OSError) as error:
        raise NotFoundError(f"{package.name} cannot be read ({error}); delete it and try again.") from None


@contextmanager
def _tar(package: Path) -> Iterator[tarfile.TarFile]:
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(package)], stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
            yield archive
        if process.stdout is not None:
            process.stdout.read()  # what follows the archive's end, so that dpkg-deb can finish
