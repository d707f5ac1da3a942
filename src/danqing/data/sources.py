"""One word or path -> a data set. Named sources are registered; folders, zips and arrays are known by their content."""

from __future__ import annotations

import zipfile
from pathlib import Path

from danqing import registry
from danqing.data.arrays import read_npz
from danqing.data.fitting import fitted
from danqing.data.folders import read_folder, read_zip
from danqing.data.pictures import PictureSet
from danqing.data.splitting import check_different, split
from danqing.data.wanted import Parts, Report, Wanted
from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.images.reading import Limits

__all__ = ["Parts", "Wanted", "load", "load_split"]


def load(
    spec: str | Path,
    size: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    background: str = "white",
    limits: Limits = Limits(),
    report: Report | None = None,
) -> PictureSet:
    """All pictures of a folder, a .zip, an .npz or a named source (of that, the part to learn from).

    A path that exists wins over a source of that name. Labels come from the first level of sub-folders, or from
    labels.csv / metadata.csv with the columns file,label. Files that cannot be used are counted in `card.left_out`.
    Raises NotFoundError, UsageError, or BadInputError when nothing usable or nothing different is there.
    """
    return _parts(spec, Wanted(size, channels, fit, background, limits, report)).train


def load_split(
    spec: str | Path,
    size: int | None = None,
    channels: int | None = None,
    fit: str = "crop",
    background: str = "white",
    limits: Limits = Limits(),
    report: Report | None = None,
    held_out: float = 0.1,
    seed: int = 0,
) -> tuple[PictureSet, PictureSet]:
    """(train, held): the official parts where the source has them, else `split` by content and seed.

    `held_out` is the fraction 0 < x < 1 to hold out of sources without official parts. Raises as `load` does.
    """
    parts = _parts(spec, Wanted(size, channels, fit, background, limits, report))
    return split(parts.train, held_out, seed) if parts.held is None else (parts.train, parts.held)


def _parts(spec: str | Path, wanted: Wanted) -> Parts:
    parts = _read(str(spec).strip(), wanted)
    train = fitted(parts.train, wanted)
    check_different(train)
    return Parts(train, None if parts.held is None else fitted(parts.held, wanted))


def _read(spec: str, wanted: Wanted) -> Parts:
    if not spec:
        raise UsageError(f"No data set was named; give a folder, a .zip, an .npz or one of {_named()}.")
    path = Path(spec).expanduser()
    if path.is_dir():
        return Parts(read_folder(path, wanted))
    if path.exists():
        return Parts(_file(path, wanted))
    if path.name != spec or path.suffix:
        raise NotFoundError(f"There is no folder or file {spec}; check the path, or use one of {_named()}.")
    parts: Parts = registry.get("source", spec)(wanted)
    return parts


def _file(path: Path, wanted: Wanted) -> PictureSet:
    """A zip of pictures or of arrays, whatever it is called."""
    if not zipfile.is_zipfile(path):
        raise BadInputError(f"{path} is one file and no data set; give a folder, a .zip or an .npz of pictures.")
    try:
        with zipfile.ZipFile(path) as archive:
            arrays = all(name.endswith(".npy") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError) as error:
        raise BadInputError(f"{path} is a broken zip ({error}); make or download it anew.") from None
    return read_npz(path, wanted) if arrays else read_zip(path, wanted)


def _named() -> str:
    return ", ".join(registry.names("source"))
