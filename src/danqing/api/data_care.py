"""Is a folder of pictures fit to learn from? What is wrong with it, and a clean copy."""

import csv
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from danqing.api.act import act
from danqing.data.care import KINDS, Finding, Looked, look
from danqing.data.care.captions import captions_of
from danqing.data.care.finding import (
    SMALLEST,
    blank,
    blurred,
    broken,
    duplicates,
    missing,
    near_duplicates,
    outliers,
    tiny,
    wrong_captions,
    wrong_labels,
)  # fmt: skip
from danqing.data.shelves import Folder
from danqing.data.tables import TABLES, from_folders, from_table
from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError
from danqing.evaluate.features import effl0, manners
from danqing.images.writing import write_atomic
from danqing.types import Progress

AT_ONCE = 64
"""pictures that are looked at between two reports"""
NOTES = (".txt", ".csv", ".tsv", ".json", ".jsonl", ".md", ".xml", ".html", ".pdf")
"""files that nobody would take for pictures"""
LEFT_OUT, CARD = "left-out.csv", "data-card.json"


@dataclass(frozen=True, eq=False)
class Care:
    """What is known of a folder."""

    folder: Path
    files: tuple[Looked, ...]
    """all that are or should be pictures, sorted by name"""
    findings: tuple[Finding, ...]
    """at most one for each file: the first kind of KINDS that fits"""
    labels: Mapping[str, str]
    captions: Mapping[str, str]

    @property
    def good(self) -> list[Looked]:
        bad = {one.file for one in self.findings}
        return [one for one in self.files if one.name not in bad]

    def counts(self) -> dict[str, int]:
        """kind -> number of findings, kinds without one included."""
        found = Counter(one.kind for one in self.findings)
        return {kind: found[kind] for kind in KINDS}

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        return {
            "folder": self.folder.name, "files": len(self.files), "good": len(self.good), "found": self.counts(),
            "findings": [vars(one) for one in self.findings], "statistics": statistics(self.good),
            "labels": dict(Counter(self.labels[one.name] for one in self.good if one.name in self.labels)),
            "captions": sum(bool(self.captions.get(one.name)) for one in self.good),
        }  # fmt: skip


@act
def check_data(folder: str | Path, smallest: int = SMALLEST) -> Generator[Progress, None, Care]:
    """Look at every picture of a folder and name what is wrong; nothing is changed.

    `smallest`: pixels that the shorter side must have. Labels come from the first sub-folders or from labels.csv or
    metadata.csv (file,label); captions from a column caption of these, or a text file beside a picture.
    Raises NotFoundError, UsageError, BadInputError for a folder without pictures.
    """
    place = Path(folder)
    if not place.is_dir():
        raise NotFoundError(f"There is no folder {place}; name one with pictures.")
    if smallest < 1:
        raise UsageError(f"A shorter side of {smallest} came; give at least 1 pixel.")
    shelf = Folder(place)
    names = shelf.names()
    pictures = [name for name in names if not is_note(name)]
    if not pictures:
        raise BadInputError(f"{place} holds no pictures; name a folder with some.")
    files: list[Looked] = []
    with ThreadPoolExecutor() as pool:
        for one in pool.map(partial(look, shelf), pictures):
            files.append(one)
            if len(files) % AT_ONCE == 0:
                yield Progress("data", 0.5 * len(files) / len(pictures), len(files))
    readable = [one.name for one in files if not one.reason]
    labels, captions = labels_of(shelf, names, readable), captions_of(shelf, names)
    if not any(not one.reason for one in files):
        raise BadInputError(f"None of the {len(files)} files in {place} can be read as a picture: {files[0].reason}.")
    findings = yield from found_in(files, labels, captions, smallest)
    return Care(place, tuple(files), tuple(findings), labels, captions)


def is_note(name: str) -> bool:
    """A file that nobody would take for a picture: a text, a table, a licence."""
    return name.casefold().endswith(NOTES) or licence_like(PurePosixPath(name))


def labels_of(shelf: Folder, names: Sequence[str], pictures: Sequence[str]) -> Mapping[str, str]:
    """Of the first table that has labels, else of the sub-folders."""
    for table in (name for name in names if PurePosixPath(name).name.casefold() in TABLES):
        try:
            known = from_table(shelf, table, pictures, Counter())
            return {name: known.names[number] for name, number in known.of.items()}
        except BadInputError:  # a table of captions alone
            continue
    folders = from_folders(pictures)
    return {name: folders.names[number] for name, number in folders.of.items()} if folders else {}


def found_in(
    files: Sequence[Looked], labels: Mapping[str, str], captions: Mapping[str, str], smallest: int
) -> Generator[Progress, None, list[Finding]]:
    """Each kind looks at those that the kinds before left: an unreadable or blank picture is nothing else besides."""
    findings: list[Finding] = []

    def rest() -> list[Looked]:
        bad = {one.file for one in findings}
        return [one for one in files if one.name not in bad]

    findings += broken(files)
    findings += tiny(rest(), smallest)
    findings += blank(rest())
    findings += blurred(rest())
    findings += duplicates(rest())
    seen: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    left = rest()
    for begin in range(0, len(left), AT_ONCE):
        some = left[begin : begin + AT_ONCE]
        seen.update(zip((one.name for one in some), views_of(some), strict=True))
        yield Progress("data", 0.5 + 0.45 * begin / len(left), message="" if begin else "Comparing the pictures.")
    if left:
        findings += near_duplicates(left, np.stack([seen[one.name][0] for one in left]))
        left = rest()
        views = [np.stack([seen[one.name][view] for one in left]) for view in (0, 1)]
        findings += outliers(left, views[1])
        keep = [i for i, one in enumerate(left) if one.name not in {found.file for found in findings}]
        left = [left[i] for i in keep]
        views = [view[keep] for view in views]
        findings += wrong_labels(left, views, labels)
        doubted = {one.file for one in findings}
        findings += [one for one in wrong_captions(left, views, captions) if one.file not in doubted]
        findings += missing("missing-label", rest(), labels)
        findings += missing("missing-caption", rest(), captions)
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(findings, key=lambda one: (order[one.kind], one.file))


def views_of(files: Sequence[Looked]) -> list[tuple[np.ndarray, np.ndarray]]:
    """What each picture shows, and how it is made, as EfficientNet-Lite0 sees it."""
    thumbs = torch.from_numpy(np.stack([one.thumb for one in files if one.thumb is not None])).permute(0, 3, 1, 2)
    return list(zip(effl0(thumbs).numpy(), manners(thumbs).numpy(), strict=True))


def statistics(files: Sequence[Looked]) -> dict[str, Any]:
    """Sizes, brightness and colours, each as its 5th, 50th and 95th percentile."""

    def spread(values: Sequence[float]) -> list[float]:
        return [round(float(value), 3) for value in np.percentile(values, (5, 50, 95))]

    if not files:
        return {}
    colours = {name: spread([one.colour[i] for one in files]) for i, name in enumerate(("red", "green", "blue"))}
    return {
        "width": spread([one.width for one in files]), "height": spread([one.height for one in files]), **colours,
        "contrast": spread([one.contrast for one in files]), "blur": spread([one.blur for one in files]),
    }  # fmt: skip


def check_out(folder: str | Path, out: str | Path) -> Path:
    """Where a clean copy may be written. Raises UsageError when something is there, or when it lies in the folder."""
    place = Path(out)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise UsageError(f"{place} is not empty; name a folder that does not exist yet.")
    if place.resolve().is_relative_to(Path(folder).resolve()):
        raise UsageError(f"{place} lies in the folder that is cleaned; name one beside it.")
    return place


def fix_data(care: Care, out: str | Path) -> Path:
    """A copy of the good pictures with their captions and tables, a list of what was left out, and a data card.

    All of it or nothing is written. Raises UsageError (see `check_out`), BadInputError for a table that is no CSV in
    UTF-8, DiskError.
    """
    place = check_out(care.folder, out)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".cleaning-", dir=place.parent) as temporary:
            made = Path(temporary) / place.name
            fill(care, made)
            if place.exists():
                place.rmdir()
            made.rename(place)
    except OSError as error:
        raise DiskError(f"{place} cannot be written ({error.strerror}); free some space or name another.") from None
    return place


def fill(care: Care, place: Path) -> None:
    place.mkdir()
    for one in care.good:
        (place / one.name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(care.folder / one.name, place / one.name)
    copy_notes(care, place)
    write_left_out(care.findings, place / LEFT_OUT)
    card = {**care.plain(), "sha256": {one.name: one.file_sha256 for one in care.good}, "licences": licences(care)}
    del card["findings"]
    write_atomic(place / CARD, json.dumps(card, ensure_ascii=False, indent=1).encode())


def copy_notes(care: Care, place: Path) -> None:
    """The captions of the good pictures, the tables without the others' rows, and licence files as they are."""
    good = {one.name for one in care.good}
    stems = {str(PurePosixPath(name).with_suffix("")) for name in good}
    for name in Folder(care.folder).names():
        path = PurePosixPath(name)
        caption = path.suffix == ".txt" and not licence_like(path)
        if not is_note(name) or (caption and str(path.with_suffix("")) not in stems):
            continue
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        if path.name.casefold() in TABLES:
            write_table(care.folder / name, place / name, path.parent, good)
        else:
            shutil.copy2(care.folder / name, place / name)


def write_table(source: Path, target: Path, where: PurePosixPath, good: set[str]) -> None:
    """The header, and the rows whose file is good."""
    try:
        with source.open(encoding="utf-8-sig", newline="") as lines:
            header, *rows = list(csv.reader(lines)) or [[]]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInputError(f"{source} is no CSV in UTF-8 ({error}); save it anew.") from None
    with target.open("w", encoding="utf-8", newline="") as made:
        kept = [row for row in rows if any(str(where / cell.replace("\\", "/")) in good for cell in row)]
        csv.writer(made).writerows([header, *kept])


def write_left_out(findings: Sequence[Finding], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "kind", "detail", "other"))
        writer.writerows((one.file, one.kind, one.detail, one.other) for one in findings)


def licence_like(path: PurePosixPath) -> bool:
    return any(word in path.stem.casefold() for word in ("licence", "license", "credits", "sources", "copying"))


def licences(care: Care) -> list[str]:
    """Files of the folder that seem to state licences; what they say is not judged."""
    return [name for name in Folder(care.folder).names() if licence_like(PurePosixPath(name))]
