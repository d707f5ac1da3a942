"""Packages -> the finished set."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from danqing.data import debian
from danqing.data.studies import PAINTINGS, PHOTOS, studies_folder
from danqing.data.studies.gathering import GCOMPRIS, LOMIRI, Study, gcompris, lomiri
from danqing.errors import BadInputError, DiskError, NotFoundError
from danqing.images.writing import write_array
from danqing.types import Progress

GATHERERS: Mapping[str, Callable[[Path], Iterator[Study]]] = {GCOMPRIS: gcompris, LOMIRI: lomiri}
LONGEST = 1024
"""pixels of a side that are kept"""
COLUMNS = ("file", "licence", "author", "title", "source")


def build(cache: Path, given: Path | None = None) -> Iterator[Progress]:
    """Make the set in home/data/studies. `given`: a folder that holds the packages' .deb files; else apt-get's.

    Raises NotFoundError without apt-get or network, BadInputError for packages without pictures, DiskError.
    """
    home = studies_folder()
    if given and not given.is_dir():
        raise NotFoundError(f"There is no folder {given}; name one that holds the packages' .deb files.")
    try:
        for folder in (cache, home.parent):
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".studies-", dir=home.parent) as temporary:
            made = Path(temporary) / "studies"
            yield from _filled(made, given or cache)
            shutil.rmtree(home, ignore_errors=True)
            made.rename(home)
    except OSError as error:
        raise DiskError(f"{home} cannot be written ({error.strerror}); set DANQING_HOME.") from None


def _filled(made: Path, packages: Path) -> Iterator[Progress]:
    for kind in (PHOTOS, PAINTINGS):
        (made / kind).mkdir(parents=True)
    rows, counts = [COLUMNS], Counter[str]()
    for number, (name, gather) in enumerate(GATHERERS.items()):
        yield Progress("data", number / len(GATHERERS), message=f"Reading {name}.")
        for study in gather(debian.fetch(name, packages)):
            file = f"{study.kind}/{study.name}.png"
            write_array(smaller(study.pixels), made / file)
            rows.append((file, study.licence, study.author, study.title, study.source))
            counts[study.kind] += 1
    if not all(counts[kind] for kind in (PHOTOS, PAINTINGS)):
        raise BadInputError(f"The packages in {packages} hold no photos or no paintings; delete them and try again.")
    (made / "sources.tsv").write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    yield Progress("data", 1.0, message=f"{counts[PHOTOS]} photos and {counts[PAINTINGS]} paintings.")


def smaller(pixels: np.ndarray) -> np.ndarray:
    """(H, W, 3) of at most LONGEST a side."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    return np.asarray(picture)
