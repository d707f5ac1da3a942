"""A folder of pictures, a small file of notes beside each, and the index."""

import csv
import io
import re
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.gallery.entries import Entry, Marks, marks_of
from danqing.gallery.index import Index
from danqing.images.reading import BadPictureError, Limits
from danqing.images.writing import atomic_path, read_recipe, write_atomic

NAME = re.compile("[A-Za-z0-9_-]{1,64}")
THUMB = 256
"""longest side of a small copy, pixels"""
MOST_TAGS, LONGEST_TAG = 30, 40
MOST_EXPORTED = 1000
"""pictures of one zip"""


class Gallery:
    """Used by one thread at a time, the folder by any number of them."""

    def __init__(self, folder: Path) -> None:
        """Raises DiskError, UsageError (made by a newer Danqing)."""
        self.folder = folder
        self.index = Index(folder / "index.sqlite")

    def close(self) -> None:
        self.index.close()

    # Files.

    def path(self, name: str) -> Path:
        """Where the picture of that id lies. Raises NotFoundError for what is no id."""
        if not NAME.fullmatch(name):
            raise missing(name)
        return self.folder / "pictures" / name[:2] / f"{name}.png"

    def existing(self, name: str) -> Path:
        """Raises NotFoundError."""
        path = self.path(name)
        if not path.is_file():
            raise missing(name)
        return path

    def thumb(self, name: str) -> Path:
        """A small copy, made when it is first asked for. Raises NotFoundError, DiskError."""
        small = self.folder / "thumbs" / name[:2] / f"{name}.webp"
        path = self.existing(name)
        if not small.is_file():
            small.parent.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image, atomic_path(small) as temporary:
                image.thumbnail((THUMB, THUMB))
                image.save(temporary, "WEBP", quality=85, method=2)
        return small

    # Adding and finding.

    def add(
        self, name: str, png: bytes, job: str = "", parents: Sequence[str] = (), created: float | None = None
    ) -> Entry:
        """Keep the bytes of a PNG under an id; the same id again replaces it. Raises BadInputError, DiskError."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        marks = Marks(time.time() if created is None else created, job, tuple(parents))
        if known := self.index.get(name):  # what people said of it stays
            marks = replace(known.marks, job=job, parents=tuple(parents))
        entry = looked_at(name, io.BytesIO(png), marks)
        write_atomic(path, png)
        write_atomic(path.with_suffix(".json"), marks.text())
        self.index.put([entry])
        return entry

    def get(self, name: str) -> Entry:
        """Raises NotFoundError."""
        found = self.index.get(name)
        if found is None:
            raise missing(name)
        return found

    def page(
        self, before: int | None = None, words: str = "", favourite: bool = False, tag: str = "",
        trashed: bool = False, count: int = 60,
    ) -> tuple[list[Entry], int | None]:  # fmt: skip
        """The newest pictures that fit, and what to give as `before` for the next page; None after the last."""
        return self.index.page(before, words, favourite, tag, trashed, count)

    def like(self, name: str, count: int = 24) -> list[tuple[Entry, float]]:
        """The pictures that look most like one, with cosine. Raises NotFoundError."""
        self.get(name)
        return [(self.get(other), cosine) for other, cosine in self.index.like(name, count)]

    def kin(self, name: str) -> dict[str, list[Entry]]:
        """What a picture was made from, and what was made from it; both may have been emptied from the trash since."""
        self.get(name)
        found = {"parents": self.index.parents(name), "children": self.index.children(name)}
        known = {side: [self.index.get(one) for one in names] for side, names in found.items()}
        return {side: [one for one in entries if one] for side, entries in known.items()}

    # What is said of pictures.

    def mark(
        self, name: str, favourite: bool | None = None, tags: Sequence[str] | None = None, trashed: bool | None = None
    ) -> Entry:
        """Change what is given. Raises NotFoundError, UsageError, DiskError."""
        with self.index.change():
            entry = self.get(name)
            marks = entry.marks
            if favourite is not None:
                marks = replace(marks, favourite=favourite)
            if tags is not None:
                marks = replace(marks, tags=checked_tags(tags))
            if trashed is not None:
                marks = replace(marks, trashed=(marks.trashed or time.time()) if trashed else None)
            write_atomic(self.existing(name).with_suffix(".json"), marks.text())
            changed = replace(entry, marks=marks)
            self.index.put_one(changed)
        return changed

    def empty_trash(self) -> int:
        """Remove what was thrown away, for good; returns how many."""
        count, before = 0, None
        while True:
            entries, before = self.page(before, trashed=True)
            for entry in entries:
                self.index.remove(entry.id)
                for path in (self.path(entry.id), self.path(entry.id).with_suffix(".json")):
                    path.unlink(missing_ok=True)
                (self.folder / "thumbs" / entry.id[:2] / f"{entry.id}.webp").unlink(missing_ok=True)
                count += 1
            if before is None:
                return count

    # Out and in again.

    def export(self, names: Sequence[str], target: BinaryIO) -> None:
        """A zip of pictures with a list of what each is made of (attribution.csv). Raises NotFoundError, UsageError."""
        names = list(dict.fromkeys(names))
        if not 1 <= len(names) <= MOST_EXPORTED:
            raise UsageError(f"{len(names)} pictures came; export 1 to {MOST_EXPORTED:,} at once.")
        table = io.StringIO()
        rows = csv.writer(table)
        rows.writerow(["file", "prompt", "model", "model_hash", "seed", "size", "made_from"])
        with zipfile.ZipFile(target, "w") as archive:
            for name in names:
                entry, recipe = self.get(name), self.get(name).recipe
                archive.write(self.existing(name), f"{name}.png")
                rows.writerow([
                    f"{name}.png", harmless(entry.prompt), recipe.get("model", ""), recipe.get("model_hash", ""),
                    recipe.get("seed", ""), f"{entry.width}x{entry.height}", " ".join(entry.marks.parents),
                ])  # fmt: skip
            archive.writestr("attribution.csv", "\ufeff" + table.getvalue())

    def rebuild(self) -> tuple[int, list[str]]:
        """Make the index anew from the files; returns how many pictures there are, and sentences on what is no picture.

        The old index serves until the new one is whole.
        """
        troubles: list[str] = []
        entries = sorted(self.entries(troubles), key=lambda entry: (entry.marks.created, entry.id))
        known = {entry.id for entry in entries}
        with self.index.change():
            others = [name for name in self.index.names() if name not in known]
            painted = [self.get(name) for name in others if self.path(name).is_file()]  # while the folder was read
            gone = [name for name in others if not self.path(name).is_file()]
            troubles += [f"{name} was in the index, and its file is gone." for name in gone]
            self.index.clear()
            for entry in (*entries, *painted):
                self.index.put_one(entry)
        return len(entries) + len(painted), troubles

    def entries(self, troubles: list[str]) -> Iterator[Entry]:
        """Everything that lies in the folder; what cannot be read is named in `troubles` and left where it is."""
        for path in sorted((self.folder / "pictures").glob("*/*.png")):
            marks = Marks(path.stat().st_mtime)
            try:
                if path.with_suffix(".json").exists():
                    marks = marks_of(path.with_suffix(".json").read_bytes())
            except BadInputError as error:
                troubles.append(f"{path.name}: {error}")
            try:
                if NAME.fullmatch(path.stem) and path.stem[:2] == path.parent.name:
                    yield looked_at(path.stem, path, marks)
                else:
                    troubles.append(f"{path.name} does not lie where a picture of that name does.")
            except BadInputError as error:
                troubles.append(str(error))

    def set_likeness(self, name: str, vector: np.ndarray) -> None:
        with suppress(NotFoundError):  # emptied from the trash meanwhile
            self.get(name)
            self.index.set_likeness(name, vector)


def looked_at(name: str, source: Path | BinaryIO, marks: Marks) -> Entry:
    """What a file says of itself; its pixels are not decoded. Raises BadInputError."""
    shown = source.name if isinstance(source, Path) else name
    try:
        with Image.open(source) as image:
            if image.format != "PNG" or image.width * image.height > Limits().pixels:
                raise BadPictureError(shown, "this is no PNG of a possible size", "look at the file")
            width, height = image.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadPictureError(shown, f"it cannot be read ({error})", "look at the file") from None
    if not isinstance(source, Path):
        source.seek(0)
    recipe = read_recipe(source)
    return Entry(name, width, height, marks, recipe.plain() if recipe else {})


def harmless(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t" and text else text


def checked_tags(tags: Sequence[str]) -> tuple[str, ...]:
    """Without doubles and spaces around. Raises UsageError."""
    clean = tuple(dict.fromkeys(tag.strip() for tag in tags if tag.strip()))
    if len(clean) > MOST_TAGS or any(len(tag) > LONGEST_TAG for tag in clean):
        raise UsageError(
            f"A picture has at most {MOST_TAGS} tags of {LONGEST_TAG} letters; give fewer or shorter ones."
        )
    return clean


def missing(name: str) -> NotFoundError:
    return NotFoundError(f"There is no picture '{name[:64]}' in the gallery; it may have been deleted.")
