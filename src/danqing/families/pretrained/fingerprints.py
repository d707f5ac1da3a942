"""The sha256 of a model's weights. Gigabytes take seconds, so it is kept while the file is the same."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from danqing.errors import DiskError, NotFoundError
from danqing.home import danqing_home
from danqing.images.writing import write_atomic

DECIDES = (".safetensors", ".json", ".txt", ".model")
MANIFEST = "danqing.json"
"""what is known of a model that was fetched; it decides nothing"""
MOST = 1000
"""files that are remembered"""


def fingerprint(path: Path) -> str:
    """64 hex digits: of a file its sha256; of a folder that of all that decides its pictures (weights, configs,
    vocabularies), names and sha256 in order."""
    if path.is_file():
        return file_sha(path)
    files = sorted(file for file in path.rglob("*") if file.suffix in DECIDES and file.name != MANIFEST)
    if not any(file.suffix == ".safetensors" for file in files):
        raise NotFoundError(f"There are no weights in {path.name}; name another folder.")
    lines = [f"{file_sha(file)}  {file.relative_to(path).as_posix()}\n" for file in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def file_sha(path: Path) -> str:
    status = path.stat()
    key, mark = str(path.resolve()), [status.st_size, status.st_mtime_ns]
    known = remembered()
    if key in known and known[key][:2] == mark:
        return str(known[key][2])
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    known[key] = [*mark, found]
    with suppress(DiskError, OSError):  # only a memory
        notes().parent.mkdir(parents=True, exist_ok=True)
        write_atomic(notes(), json.dumps(dict(list(known.items())[-MOST:])).encode())
    return found


def notes() -> Path:
    return danqing_home() / "hashes.json"


def remembered() -> dict[str, list[int | str]]:
    try:
        found = json.loads(notes().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
