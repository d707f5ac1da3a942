"""Packages -> the finished set: fetched, named, drawn, without copies, split."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from danqing.data import debian
from danqing.data.clipart import openclipart
from danqing.data.clipart.colouring import colour_words
from danqing.data.clipart.fetching import fetch
from danqing.data.clipart.holding_out import with_splits
from danqing.data.clipart.packages import NAMING, PERMISSIVE, SOURCES, Source
from danqing.data.clipart.rendering import SIDE, near_empty, resvg
from danqing.data.clipart.rows import Drawing, Row
from danqing.data.clipart.sets import drawings, read_reference, vocabulary
from danqing.data.clipart.shards import Shard, filled
from danqing.data.clipart.writing import HEADER, write_card, write_header, write_sheet, write_tables
from danqing.errors import DiskError, NotFoundError, unknown
from danqing.types import Progress

LICENCES = ("permissive", "all")
BEGUN = ".clipart-"
"""what the names of unfinished builds begin with"""
STALE = 86_400.0
"""seconds after which an unfinished build is given up"""


@dataclass
class Collected:
    """What has been kept so far; the pictures themselves lie in a file."""

    rows: list[Row] = field(default_factory=list)
    svgs: list[str] = field(default_factory=list)
    left_out: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    """source -> reason -> number of drawings"""
    missing: dict[str, str] = field(default_factory=dict)
    """source -> why none of it could be had"""
    packages: list[dict[str, str]] = field(default_factory=list)
    """name, version and checksum of all that was used"""
    exact: set[bytes] = field(default_factory=set)
    """hashes of pictures"""
    near: set[tuple[str, bytes]] = field(default_factory=set)
    """source and coarse picture"""


def build(home: Path, licences: str = "permissive") -> Iterator[Progress]:
    """Make the set in home/data/clipart. What home/cache/clipart holds already is used again.

    `licences`: "permissive" (MIT, Apache, public domain, CC-BY), or "all" with share-alike (CC-BY-SA).
    Raises NotFoundError without npm, network or resvg; BadInputError for a wrong package; DiskError.
    """
    if licences not in LICENCES:
        raise unknown("choice of licences", licences, LICENCES)
    resvg()
    cache, goal = home / "cache" / "clipart", home / "data" / "clipart"
    sources = [source for source in SOURCES if licences == "all" or source.licence in PERMISSIVE]
    yield from fetch([*NAMING, *(source.package for source in sources)], cache)
    try:
        goal.parent.mkdir(parents=True, exist_ok=True)
        clear_stale(goal.parent)
        with tempfile.TemporaryDirectory(prefix=BEGUN, dir=goal.parent) as temporary:
            made = Path(temporary) / "clipart"
            made.mkdir()
            yield from _make(made, cache, sources, licences)
            exchange(made, goal)
    except OSError as error:
        raise DiskError(f"{goal} could not be written ({error.strerror or error}); free space, then retry.") from None
    yield Progress("data", 1.0, message=f"The set is ready in {goal}.")


def clear_stale(folder: Path) -> None:
    """Remove what builds left that were killed long ago."""
    for begun in folder.glob(f"{BEGUN}*"):
        if time.time() - begun.stat().st_mtime > STALE:
            shutil.rmtree(begun, ignore_errors=True)


def exchange(made: Path, goal: Path) -> None:
    """Put the finished folder in place of the old one."""
    old = made.with_name("old")
    if goal.exists():
        goal.replace(old)
    made.replace(goal)
    shutil.rmtree(old, ignore_errors=True)


def _make(folder: Path, cache: Path, sources: Sequence[Source], licences: str) -> Iterator[Progress]:
    yield Progress("data", 0.0, message="Reading the names.")
    kept = Collected()
    kept.packages += [vars(package) for package in (*NAMING, *(source.package for source in sources))]
    parts = len(sources) + 1
    with (folder / "pictures.npy").open("wb") as file:
        file.write(bytes(HEADER))
        for number, (slug, wanted) in enumerate(_wanted(cache, sources, kept)):
            yield Progress("data", number / parts, message=f"{slug}: {len(wanted)} drawings.")
            for event in filled(cache / "drawn" / f"{slug}.npz", wanted, slug):
                if isinstance(event, Progress):
                    yield replace(event, done=(number + event.done) / parts)
                else:
                    collect(wanted, event, kept, file)
        write_header(file, len(kept.rows))
    yield from (Progress("data", 0.99, message=message) for message in kept.missing.values())
    yield Progress("data", 0.99, message="Writing captions, vectors, the card and a sheet.")
    rows = with_splits(kept.rows)
    write_tables(folder, rows, kept.svgs)
    write_sheet(folder, rows)
    notes = {"licences_wanted": licences, "packages": kept.packages, "missing": kept.missing, "left_out": kept.left_out}
    write_card(folder, rows, notes)


def _wanted(cache: Path, sources: Sequence[Source], kept: Collected) -> Iterator[tuple[str, list[Drawing]]]:
    """source -> its drawings that are wanted; openclipart comes last, or not at all."""
    reference = read_reference(cache)
    for source in sources:
        yield source.slug, list(drawings(source, cache, reference, kept.left_out[source.slug]))
    slug = openclipart.SLUG
    try:
        package = debian.fetch(openclipart.PACKAGE, cache)
        found = list(openclipart.clips(package))
    except NotFoundError as error:
        kept.missing[slug] = str(error)
        return
    words = vocabulary(cache, sources, reference)
    kept.packages.append({"name": openclipart.PACKAGE, "version": debian.version(package)})
    yield slug, list(openclipart.drawings(found, words, kept.left_out[slug]))


def collect(wanted: Sequence[Drawing], shard: Shard, kept: Collected, file: BinaryIO) -> None:
    """Append every picture that is neither empty nor there already; the others are counted."""
    for drawing in wanted:
        source, found = drawing.row.source, shard.of(drawing)
        reason = "cannot be drawn" if found is None else _refusal(found[1], source, kept)
        if found is None or reason:
            kept.left_out[source][reason] += 1
            continue
        svg, picture = found
        kept.exact.add(_hash(picture))
        kept.near.add((source, coarse(picture)))
        kept.rows.append(replace(drawing.row, colours=tuple(colour_words(picture))))
        kept.svgs.append(svg)
        file.write(picture.tobytes())


def _refusal(picture: np.ndarray, source: str, kept: Collected) -> str:
    """Why a picture is left out; "" for one to keep."""
    if near_empty(picture):
        return "nearly empty"
    if _hash(picture) in kept.exact:
        return "the same picture again"
    return "nearly the same picture again" if (source, coarse(picture)) in kept.near else ""


def _hash(picture: np.ndarray) -> bytes:
    return hashlib.sha256(picture.tobytes()).digest()


def coarse(picture: np.ndarray) -> bytes:
    """(128, 128, 4) -> 16 x 16 at four bits a channel: equal for pictures that hardly differ."""
    step = SIDE // 16
    means = picture.reshape(16, step, 16, step, 4).mean((1, 3))
    return (means.astype(np.uint8) >> 4).tobytes()
