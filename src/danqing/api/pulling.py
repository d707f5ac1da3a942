"""Fetching a model, only when asked: whole and right, or not there at all."""

import json
import re
import shutil
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from danqing.api.act import act
from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError, unknown
from danqing.families.pretrained.fingerprints import MANIFEST
from danqing.families.pretrained.hubs import HUBS, File, Hub, Listing, is_right
from danqing.families.pretrained.memory import gigabytes
from danqing.families.pretrained.opening import HALF, INDEX
from danqing.home import models_folder
from danqing.images.writing import write_atomic
from danqing.types import Progress

SOURCE = re.compile(r"(?P<hub>[a-z]+):(?P<repository>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")
NAME = re.compile(r"[\w-][\w. -]{0,59}")
LICENCES = "licences.json"
"""those that were agreed to"""
LIST = ".fetched"
"""folder with what is known of single files (LoRA and the like)"""
UNFINISHED = ".unfinished.json"
"""in an unfinished folder: what it is of"""
PLAIN = (".json", ".txt", ".model")
"""endings of small files that a model needs: configs, vocabularies"""
NOT_OURS = re.compile(r"(^|/)(onnx|openvino|flax|\.|.*_openvino_|flax_model|.*nonema|.*non_ema)")
"""the same weights for other engines, and hidden files"""
ROOM = 1.02
"""of disk, as a multiple of what is fetched"""
LOOKED_EVERY = 0.2
"""seconds between two looks at how much is there"""
Agrees = Callable[[str, str, str], bool]
"""asked once for a model's licence: (repository, licence, address) -> whether it is agreed to"""


@dataclass(frozen=True)
class Pulled:
    """A model that is there now."""

    name: str
    folder: Path
    source: str
    revision: str
    licence: str
    bytes: int
    """that were fetched in this call"""


@act
def pull(
    source: str, name: str | None = None, agrees: Agrees | None = None, half: bool = False, file: str | None = None
) -> Generator[Progress, None, Pulled]:
    """Fetch a model into Danqing's folder of models, by name from then on.

    source    "hf:owner/name" or "ms:owner/name", with "@revision" behind it if it is not the newest
    name      what it is called here; the repository's name if not given
    agrees    asked once for each model's licence; without it a licence that was not agreed to yet ends the call
    half      weights in half precision, where there are such
    file      of a repository of several single files, such as LoRA, the one that is wanted

    A pull that was stopped is gone on with by the same call. Raises UsageError, NotFoundError (no such model, no
    network), BadInputError (other bytes than the hub lists, pickles only), DiskError.
    """
    hub, repository, revision = parsed(source)
    name = checked_name(name or repository.partition("/")[2])
    yield Progress("pull", 0.0, message=f"Asking for {repository}.")
    listing = hub.listing(repository, revision)
    files = chosen(listing, half, file)
    folder = models_folder() / name
    if is_single(files):
        folder = folder.with_name(f"{name}.safetensors")
    check_free_name(folder, source, listing)
    check_licence(listing, agrees)
    unfinished = models_folder() / f".{name}.unfinished"
    with alone(unfinished):
        kept(unfinished, source, listing, files)
        fresh = sum(one.size for one in files) - there(unfinished)
        check_room(folder, fresh)
        yield from brought(hub, listing, files, unfinished)
        settle(unfinished, folder, source, listing, files)
    return Pulled(name, folder, source, listing.revision, listing.licence, max(0, fresh))


def is_single(files: list[File]) -> bool:
    """A LoRA or the like: one file, which gets the name itself."""
    return len(files) == 1


@contextmanager
def alone(unfinished: Path) -> Iterator[None]:
    """One pull of a name at a time. Raises UsageError."""
    from filelock import FileLock, Timeout

    made_folder(unfinished.parent)
    try:
        with FileLock(unfinished.with_suffix(".lock"), timeout=0):
            yield
    except Timeout:
        raise UsageError(
            f"Another pull of {unfinished.name[1:].partition('.unf')[0]} is at work; wait for it."
        ) from None


def kept(unfinished: Path, source: str, listing: Listing, files: list[File]) -> None:
    """What a stopped pull left is gone on with where it is of the same files, and thrown away elsewhere."""
    of = {"source": source, "revision": listing.revision, "files": [asdict(file) for file in files]}
    note = unfinished / UNFINISHED
    try:
        same = json.loads(note.read_text(encoding="utf-8")) == of
    except (OSError, ValueError):
        same = False
    if not same:
        shutil.rmtree(unfinished, ignore_errors=True)
        made_folder(unfinished)
        write_atomic(note, json.dumps(of).encode())


def parsed(source: str) -> tuple[Hub, str, str | None]:
    found = SOURCE.fullmatch(source)
    if not found:
        raise UsageError(f"'{source}' names no model; write hf:owner/name or ms:owner/name.")
    if found["hub"] not in HUBS:
        raise unknown("hub", found["hub"], HUBS)
    return HUBS[found["hub"]](), found["repository"], found["revision"]


def checked_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UsageError(f"'{name[:60]}' cannot name a model here; give 1 to 60 letters without slashes, --name NAME.")
    return name


def check_free_name(folder: Path, source: str, listing: Listing) -> None:
    """UsageError where another model has the name, or this one is there at the same revision."""
    if not folder.exists():
        return
    there = manifest(folder.stem if folder.suffix == ".safetensors" else folder.name)
    if there.get("source") == source and there.get("revision") == listing.revision:
        raise UsageError(f"{source} is there already as {folder.name}; paint with --model {folder.name}.")
    raise UsageError(
        f"There is a model {folder.name} already, of {there.get('source', 'elsewhere')}; give --name NAME."
    )


def check_licence(listing: Listing, agrees: Agrees | None) -> None:
    known, path = licences(), models_folder() / LICENCES
    if known.get(listing.page) == listing.licence:
        return
    if agrees is None or not agrees(listing.repository, listing.licence, listing.page):
        raise UsageError(
            f"The licence of {listing.repository} ({listing.licence}, {listing.page}) was not agreed to; nothing was "
            "fetched."
        )
    made_folder(path.parent)
    write_atomic(path, json.dumps({**known, listing.page: listing.licence}, indent=1).encode())


def licences() -> dict[str, str]:
    """Page of a repository -> the licence that was agreed to."""
    try:
        return dict(json.loads((models_folder() / LICENCES).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def licence_to_ask(source: str) -> Listing | None:
    """What a source holds, where its licence has not been agreed to yet."""
    hub, repository, revision = parsed(source)
    listing = hub.listing(repository, revision)
    return None if licences().get(listing.page) == listing.licence else listing


def check_room(folder: Path, wanted: int) -> None:
    made_folder(folder.parent)
    free = shutil.disk_usage(folder.parent).free
    if wanted * ROOM > free:
        raise DiskError(
            f"{folder.name} needs {gigabytes(wanted * ROOM)} and {gigabytes(free)} are free in {folder.parent}; free "
            "space, or set DANQING_HOME to another disk."
        )


def made_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"The folder {folder} cannot be made ({error.strerror}); set DANQING_HOME.") from None


def chosen(listing: Listing, half: bool, wanted: str | None) -> list[File]:
    """The files that a model needs here. Raises BadInputError, NotFoundError, UsageError."""
    for file in listing.files:
        if not is_inside(file.path):
            raise BadInputError(
                f"{listing.page} lists a file outside of its model: {file.path[:60]!r}; do not trust it."
            )
    by_path = {file.path: file for file in listing.files if not NOT_OURS.search(file.path)}
    if wanted is not None:
        if wanted not in by_path:
            raise unknown("file in the repository", wanted, [path for path in by_path if path.endswith(".safetensors")])
        if not wanted.endswith(".safetensors"):
            raise BadInputError(f"{wanted} is no safetensors file; other formats can run code and are not fetched.")
        return [by_path[wanted]]
    weights = [path for path in by_path if path.endswith(".safetensors")]
    if not weights:
        bad = any(Path(path).suffix in (".bin", ".ckpt", ".pt", ".pth") for path in by_path)
        what = "holds pickles only, which can run code" if bad else "holds no weights"
        raise BadInputError(f"{listing.repository} {what}; choose a model in safetensors.")
    if INDEX not in by_path and "config.json" not in by_path:
        if len(weights) > 1:
            raise UsageError(f"{listing.repository} holds {', '.join(sorted(weights)[:8])}; choose one with --file.")
        return [by_path[weights[0]]]
    inside = [path for path in by_path if "/" in path or path in (INDEX, "config.json") or INDEX not in by_path]
    small = [path for path in inside if path.endswith(PLAIN)]
    return [by_path[path] for path in sorted(small + one_precision([p for p in inside if p in weights], half))]


def is_inside(path: str) -> bool:
    """Whether a listed path stays in its folder, on every system.

    >>> is_inside("unet/config.json"), is_inside("/etc/x"), is_inside("a/../../x"), is_inside("C:x")
    (True, False, False, False)
    """
    return not (path.startswith("/") or ".." in path.split("/") or set(path) & set("\\:\0") or not path)


def one_precision(weights: list[str], half: bool) -> list[str]:
    """Each weight once: whole, or half where `half` asks for it; where only one is there, that one. UsageError."""
    whole = [path for path in weights if not HALF.search(path)]
    lesser = [path for path in weights if HALF.search(path)]
    parts = {Path(path).parent for path in weights}
    if half and {Path(path).parent for path in lesser} != parts:
        raise UsageError("That model has no weights in half precision for all its parts; leave --half out.")
    if half:
        return lesser
    return whole if {Path(path).parent for path in whole} == parts else weights


def brought(hub: Hub, listing: Listing, files: list[File], folder: Path) -> Iterator[Progress]:
    """Every file, checked; a wrong one is thrown away and the pull ends."""
    made_folder(folder)
    total, began, before = sum(file.size for file in files), time.monotonic(), there(folder)
    for file in files:
        path = folder / file.path
        if is_right(path, file):
            continue
        path.unlink(missing_ok=True)
        for _ in followed(lambda file=file: hub.bring(listing, file, folder)):  # type: ignore[misc]
            now = there(folder)
            pace = (now - before) / max(time.monotonic() - began, 1e-3)
            left = (total - now) / pace if pace > 0 else None
            yield Progress("pull", min(0.999, now / max(1, total)), seconds_left=left, figures={"MB": now / 1e6})
        if not is_right(path, file):
            path.unlink(missing_ok=True)
            raise BadInputError(
                f"{listing.page} brought another {file.path} than it lists (size or hash); it was thrown away, so pull "
                "again."
            )


def followed(work: Callable[[], None]) -> Iterator[None]:
    """Does `work` beside; comes back now and then until it is done, and raises what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    while thread.is_alive():
        thread.join(LOOKED_EVERY)
        yield
    if raised:
        raise raised[0]


def there(folder: Path) -> int:
    """Bytes of files and parts of files in a folder."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.stat().st_size if path.is_file() else 0
        except OSError:  # a part that was renamed meanwhile
            continue
    return total


def settle(unfinished: Path, folder: Path, source: str, listing: Listing, files: list[File]) -> None:
    """Give what is whole its name."""
    listed = {file.path for file in files}
    for path in sorted(unfinished.rglob("*"), reverse=True):  # what is in a folder comes before it
        if path.is_file() and path.relative_to(unfinished).as_posix() not in listed:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    facts = {
        "source": source, "revision": listing.revision, "licence": listing.licence, "page": listing.page,
        "fetched": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), "files": [asdict(file) for file in files],
    }  # fmt: skip
    try:
        if is_single(files):
            made_folder(models_folder() / LIST)
            write_atomic(models_folder() / LIST / f"{folder.stem}.json", json.dumps(facts, indent=1).encode())
            (unfinished / files[0].path).replace(folder)
            shutil.rmtree(unfinished)
            return
        write_atomic(unfinished / MANIFEST, json.dumps(facts, indent=1).encode())
        unfinished.replace(folder)
    except OSError as error:
        raise DiskError(f"{folder} could not be made ({error.strerror}); pull again, what is there is kept.") from None


def manifest(name: str) -> dict[str, Any]:
    """What is known of a model or part that was fetched; empty for one that was laid there by hand."""
    for path in (models_folder() / name / MANIFEST, models_folder() / LIST / f"{name}.json"):
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if isinstance(found, dict):
            return found
    return {}


def fetched() -> list[dict[str, Any]]:
    """Every model that lies in Danqing's folder: name, source, revision, licence, size in bytes."""
    rows = []
    for path in sorted(models_folder().glob("[!.]*")):
        if not path.is_dir() and path.suffix != ".safetensors":
            continue
        name = path.stem if path.is_file() else path.name
        facts = manifest(name)
        size = there(path) if path.is_dir() else path.stat().st_size
        known = {key: facts.get(key, "-") for key in ("source", "revision", "licence")}
        rows.append({"name": name, "path": path, "bytes": size, **known})
    return rows


def verify(name: str) -> list[str]:
    """Files of a fetched model that are not what was fetched, and weights that were not. Raises NotFoundError."""
    folder, single, facts = models_folder() / name, models_folder() / f"{name}.safetensors", manifest(name)
    if not facts or not (folder.is_dir() or single.is_file()):
        raise NotFoundError(f"There is no fetched model '{name}'; look at danqing models fetched.")
    files = [File(**file) for file in facts["files"]]
    if not folder.is_dir():
        return [file.path for file in files if not is_right(single, file)]
    strange = {path.relative_to(folder).as_posix() for path in folder.rglob("*.safetensors")}
    wrong = [file.path for file in files if not is_right(folder / file.path, file)]
    return wrong + sorted(strange - {file.path for file in files})
