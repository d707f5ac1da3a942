"""Fashion-MNIST: 70,000 grey pictures of clothes, 28 x 28, ten classes. MIT licence, Zalando Research.

A subset is shipped inside the package, so that everything can be tried at once; `build` makes the full set, which then
is used without being asked for. Reference: Xiao, Rasul, Vollgraf, "Fashion-MNIST", arXiv:1708.07747.
"""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.lib import format as npy

from danqing.data.arrays import arrays
from danqing.data.labels import FASHION_LABELS
from danqing.data.pictures import Origin, PictureSet, picture_set
from danqing.data.wanted import Parts, Report, Wanted
from danqing.errors import BadInputError, DiskError, NotFoundError
from danqing.home import danqing_home
from danqing.images.writing import atomic_path
from danqing.registry import register
from danqing.types import Progress

SUBSET = Path(__file__).with_name("fashion-mnist-subset.npz")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
PACKAGE = "dataset-fashion-mnist"
HOMEPAGE = "https://github.com/zalandoresearch/fashion-mnist"
PICTURES_MAGIC, LABELS_MAGIC = 0x803, 0x801
FILES = {"train": ("train", 60_000), "test": ("t10k", 10_000)}
"""part -> (beginning of the file names, number of pictures)"""

Arrays = dict[str, np.ndarray]
"""train_pictures, test_pictures (N, 28, 28) uint8; train_labels, test_labels (N,) uint8"""


def full_path() -> Path:
    return danqing_home() / "data" / "fashion-mnist" / "fashion-mnist.npz"


@register("source", "fashion-mnist")
def fashion_mnist(wanted: Wanted) -> Parts:
    """The full set where it has been built, else the shipped subset; the official train and test parts."""
    if full_path().exists():
        return _parts(full_path(), "fashion-mnist")
    wanted.tell(0.0, "The shipped subset of Fashion-MNIST is used; the full set can be built from Debian's package.")
    return fashion_mnist_small(wanted)


@register("source", "fashion-mnist-small")
def fashion_mnist_small(wanted: Wanted) -> Parts:
    """The shipped subset, the same on every machine."""
    return _parts(SUBSET, "fashion-mnist-small")


def _parts(path: Path, name: str) -> Parts:
    found = arrays(path)
    try:
        return Parts(_part(found, "train", name), _part(found, "test", name))
    except KeyError as error:
        raise BadInputError(f"{path} lacks {error}; delete it and build Fashion-MNIST anew.") from None


def _part(found: Mapping[str, np.ndarray], part: str, name: str) -> PictureSet:
    pixels = torch.from_numpy(found[f"{part}_pictures"]).unsqueeze(1)
    labels = torch.from_numpy(found[f"{part}_labels"]).to(torch.int64)
    return picture_set(pixels, labels, Origin(f"{name} {part}", f"Zalando Research, {HOMEPAGE}", "MIT", FASHION_LABELS))


def build(idx_folder: Path | None = None, report: Report | None = None) -> Path:
    """Make the full set from the four IDX files (.gz or raw) and return where it lies.

    The files come from `idx_folder`, else from Debian's package where it is installed, else from that package fetched
    with apt-get (no root needed). Raises NotFoundError when none is there, BadInputError when a file is wrong.
    """
    with _folder(idx_folder, report) as folder:
        _tell(report, 0.3, f"Reading {folder}.")
        full = read_idx_folder(folder)
    path = full_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DiskError(f"The folder {path.parent} cannot be made ({error.strerror}); set DANQING_HOME.") from None
    save(full, path, zipfile.ZIP_STORED)
    _tell(report, 1.0, f"Fashion-MNIST is ready: 60,000 pictures to learn from and 10,000 held out, in {path}.")
    return path


def make_subset(full: Arrays, path: Path, per_class_train: int, per_class_test: int, seed: int = 0) -> Path:
    """Write the same number of pictures of every class, in an order and choice that `seed` alone decides."""
    some: Arrays = {}
    for number, (part, count) in enumerate({"train": per_class_train, "test": per_class_test}.items()):
        labels = full[f"{part}_labels"]
        chance = np.random.Generator(np.random.PCG64([seed, number]))
        rows = [chance.permutation(np.flatnonzero(labels == label))[:count] for label in range(len(FASHION_LABELS))]
        order = np.stack(rows, axis=1).ravel()  # one of each class in turn, so that any beginning is balanced
        some |= {f"{part}_pictures": full[f"{part}_pictures"][order], f"{part}_labels": labels[order]}
    save(some, path, zipfile.ZIP_LZMA)
    return path


def save(made: Arrays, path: Path, compression: int) -> None:
    """An .npz whose bytes depend on the arrays alone; LZMA is a seventh smaller than NumPy's own deflate."""
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", compression) as archive:
        for name in sorted(made):
            memory = io.BytesIO()
            npy.write_array(memory, np.ascontiguousarray(made[name]), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = compression
            archive.writestr(entry, memory.getvalue())


def read_idx_folder(folder: Path) -> Arrays:
    """All four files, checked against each other and against the numbers that are known."""
    made: Arrays = {}
    for part, (prefix, count) in FILES.items():
        pictures = read_idx(_idx_file(folder, f"{prefix}-images-idx3-ubyte"), PICTURES_MAGIC, (count, 28, 28))
        labels = read_idx(_idx_file(folder, f"{prefix}-labels-idx1-ubyte"), LABELS_MAGIC, (count,))
        if labels.max() >= len(FASHION_LABELS):
            raise BadInputError(f"{folder} holds a label {labels.max()}, above 9; these are not Fashion-MNIST's files.")
        made |= {f"{part}_pictures": pictures, f"{part}_labels": labels}
    return made


def read_idx(path: Path, magic: int, shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array from an IDX file (big-endian magic number, sizes, bytes), gzipped or not.

    Raises BadInputError when the magic number, the sizes or the length are not what is expected.
    """
    limit = 4 + 4 * len(shape) + int(np.prod(shape)) + 1
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            with gzip.open(raw) if packed else raw as file:
                data = file.read(limit)
    except (OSError, EOFError) as error:
        raise BadInputError(f"{path} cannot be unpacked ({error}); download it anew.") from error
    begin = 4 + 4 * len(shape)
    found, *sizes = np.frombuffer(data[:begin].ljust(begin, b"\0"), ">u4").tolist()
    if found != magic or tuple(sizes) != shape or len(data) != limit - 1:
        raise BadInputError(
            f"{path} has magic number {found:#x}, sizes {sizes} and at least {len(data)} bytes where {magic:#x}, "
            f"{list(shape)} and {limit - 1} bytes belong; use Fashion-MNIST's own file."
        )
    return np.frombuffer(data, np.uint8, offset=begin).reshape(shape)


def _idx_file(folder: Path, name: str) -> Path:
    for path in (folder / f"{name}.gz", folder / name):
        if path.is_file():
            return path
    raise NotFoundError(f"There is no {name}(.gz) in {folder}; put the four IDX files of {HOMEPAGE} there.")


@contextmanager
def _folder(given: Path | None, report: Report | None) -> Iterator[Path]:
    if given is not None or DEBIAN.is_dir():
        yield given or DEBIAN
    else:
        with tempfile.TemporaryDirectory(prefix="danqing-") as temporary:
            _tell(report, 0.0, f"Fetching Debian's package {PACKAGE} with apt-get.")
            yield _fetch(Path(temporary))


def _fetch(folder: Path) -> Path:
    """Debian's package downloaded and unpacked into `folder`, without root."""
    advice = f"install {PACKAGE}, or download the four IDX files from {HOMEPAGE} and name their folder"
    if not all(map(shutil.which, ("apt-get", "dpkg-deb"))):
        raise NotFoundError(f"Fashion-MNIST's files are not here and this system has no apt-get; {advice}.")
    try:
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True, capture_output=True, timeout=600)
        package = next(folder.glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", package.name, "."], cwd=folder, check=True, capture_output=True, timeout=600)
    except (subprocess.SubprocessError, StopIteration, OSError):
        raise NotFoundError(f"apt-get could not download {PACKAGE}; {advice}.") from None
    return folder / DEBIAN.relative_to("/")


def _tell(report: Report | None, done: float, message: str) -> None:
    if report is not None:
        report(Progress("data", done, message=message))
