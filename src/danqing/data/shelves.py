"""Files by name, whether they lie in a folder or in a zip, which is never unpacked to disk."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from danqing.errors import BadInputError
from danqing.images.reading import BadPictureError, Limits

JUNK = {"thumbs.db", "desktop.ini", "__macosx"}
"""what systems leave behind; passed over without a word, like hidden files"""


class Shelf(Protocol):
    """Files that can be listed and read."""

    @property
    def title(self) -> str:
        """What errors call it."""

    def names(self) -> list[str]:
        """Every file, relative, with forward slashes, sorted; hidden files and junk left out."""

    def content(self, name: str) -> Path | bytes:
        """Something that `images.read` takes."""


@dataclass(frozen=True)
class Folder:
    """A folder with all below it."""

    path: Path

    @property
    def title(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        found = []
        for folder, folders, files in os.walk(self.path):
            folders[:] = [name for name in folders if not _hidden(name)]
            inside = PurePosixPath(Path(folder).relative_to(self.path).as_posix())
            found += [str(inside / name) for name in files if not _hidden(name)]
        return sorted(found)

    def content(self, name: str) -> Path:
        return self.path / name


class Zip:
    """A zip archive; sizes are checked before anything is unpacked, and again while unpacking."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, limits: Limits) -> None:
        self.title, self.limits, self._archive = str(path), limits, archive
        files = [entry for entry in archive.infolist() if not entry.is_dir()]
        total = sum(entry.file_size for entry in files)
        if total > limits.archive_bytes:
            raise BadInputError(
                f"{path} unpacks to {total / 1e9:.1f} GB and {limits.archive_bytes / 1e9:g} GB are allowed; cut it."
            )
        named = {_name(entry): entry for entry in files}
        self._entries = {name: entry for name, entry in named.items() if not any(map(_hidden, name.split("/")))}

    def names(self) -> list[str]:
        return sorted(self._entries)

    def content(self, name: str) -> bytes:
        entry, most = self._entries[name], self.limits.file_bytes
        if entry.file_size > most:
            raise BadPictureError(name, f"the file is larger than {most / 1e6:.0f} MB", "make it smaller")
        try:
            with self._archive.open(entry) as file:
                return file.read(most + 1)
        except Exception as error:  # wrong checksums, unknown methods, passwords, broken streams
            raise BadPictureError(name, "the file in the zip cannot be unpacked", f"zip says '{error}'") from error


@contextmanager
def open_zip(path: Path, limits: Limits) -> Iterator[Zip]:
    """The zip as a shelf; BadInputError when it is broken or unpacks to too much."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise BadInputError(f"{path} is a broken zip ({error}); make or download it anew.") from error
    with archive:
        yield Zip(path, archive, limits)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name.casefold() in JUNK


def _name(entry: zipfile.ZipInfo) -> str:
    """The name with forward slashes; Chinese Windows writes GBK without saying so, and others UTF-8."""
    name = entry.filename
    if not entry.flag_bits & 0x800:
        raw = name.encode("cp437", errors="replace")
        for code in ("utf-8", "gbk"):
            try:
                name = raw.decode(code)
                break
            except UnicodeDecodeError:
                continue
    return name.replace("\\", "/").lstrip("/")
