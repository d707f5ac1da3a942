"""Fashion-MNIST: the shipped subset, the IDX reader and the building of the full set."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from danqing import registry
from danqing.data import FASHION_LABELS, FASHION_LABELS_ZH, build, label_index, load, load_split, make_subset
from danqing.data import fashion_mnist as module
from danqing.errors import BadInputError, NotFoundError
from danqing.types import Progress

NAMES = ["train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FILES", {"train": ("train", 40), "test": ("t10k", 20)})


def idx(values: np.ndarray) -> bytes:
    return struct.pack(f">{1 + values.ndim}I", 0x800 + values.ndim, *values.shape) + values.tobytes()


def write_idx(folder: Path, packed: bool = True) -> None:
    chance = np.random.default_rng(0)
    for prefix, count in (("train", 40), ("t10k", 20)):
        pictures = chance.integers(0, 256, (count, 28, 28), dtype=np.uint8)
        files = {"images-idx3": pictures, "labels-idx1": np.arange(count, dtype=np.uint8) % 10}
        for name, values in files.items():
            data = idx(values)
            path = folder / f"{prefix}-{name}-ubyte{'.gz' if packed else ''}"
            path.write_bytes(gzip.compress(data) if packed else data)


def test_the_shipped_subset_is_small_balanced_and_disjoint() -> None:
    assert module.SUBSET.stat().st_size < 3_000_000
    train, held = load_split("fashion-mnist-small")
    assert train.pixels.shape == (5900, 1, 28, 28) and held.pixels.shape == (2000, 1, 28, 28)
    assert set(train.labels.bincount().tolist()) == {590} and set(held.labels.bincount().tolist()) == {200}
    assert (train.card.licence, train.card.labels, train.card.count) == ("MIT", FASHION_LABELS, 5900)
    seen = {picture.tobytes() for picture in train.pixels.numpy()}
    assert not any(picture.tobytes() in seen for picture in held.pixels.numpy())


def test_the_subset_stands_in_until_the_full_set_is_built(home: Path, small: None, tmp_path: Path) -> None:
    told: list[Progress] = []
    assert len(load("fashion-mnist", report=told.append)) == 5900
    assert "subset" in told[0].message
    write_idx(tmp_path)
    assert build(tmp_path, told.append) == home / "data" / "fashion-mnist" / "fashion-mnist.npz"
    train, held = load_split("fashion-mnist")
    assert (len(train), len(held), told[-1].done) == (40, 20, 1.0)
    assert len(load("fashion-mnist-small")) == 5900


def test_raw_and_packed_files_give_the_same(tmp_path: Path, small: None) -> None:
    folders = tmp_path / "raw", tmp_path / "packed"
    for folder in folders:
        folder.mkdir()
        write_idx(folder, folder.name == "packed")
    raw, packed = map(module.read_idx_folder, folders)
    assert all(np.array_equal(raw[name], packed[name]) for name in raw)


def test_make_subset_depends_on_the_seed_alone(tmp_path: Path, small: None) -> None:
    write_idx(tmp_path)
    full = module.read_idx_folder(tmp_path)
    first, again, other = (make_subset(full, tmp_path / f"{name}.npz", 2, 1, seed) for name, seed in
                           (("a", 0), ("b", 0), ("c", 1)))  # fmt: skip
    assert first.read_bytes() == again.read_bytes() != other.read_bytes()
    made = module.arrays(first)
    assert made["train_labels"].tolist() == [*range(10)] * 2 and made["test_pictures"].shape == (10, 28, 28)


@pytest.mark.parametrize("damage", ["magic", "sizes", "short", "long", "cut gzip", "no gzip"])
def test_wrong_files_are_refused(damage: str, tmp_path: Path, small: None) -> None:
    write_idx(tmp_path, packed=False)
    path = tmp_path / NAMES[0]
    data = path.read_bytes()
    path.write_bytes(
        {
            "magic": b"\0\0\x08\x01" + data[4:],
            "sizes": data[:4] + struct.pack(">I", 39) + data[8:],
            "short": data[:-1],
            "long": data + b"\0",
            "cut gzip": gzip.compress(data)[:-400],
            "no gzip": b"\x1f\x8bnothing",
        }[damage]
    )
    with pytest.raises(BadInputError, match="train-images"):
        build(tmp_path)


def test_wrong_labels_and_missing_files(tmp_path: Path, small: None) -> None:
    with pytest.raises(NotFoundError, match="train-images"):
        build(tmp_path)
    write_idx(tmp_path, packed=False)
    (tmp_path / NAMES[1]).write_bytes(idx(np.full(40, 10, np.uint8)))
    with pytest.raises(BadInputError, match="label 10"):
        build(tmp_path)


def test_without_files_and_without_debian_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DEBIAN", tmp_path / "none")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(NotFoundError, match="download the four IDX files"):
        build()


@pytest.mark.skipif(not module.DEBIAN.is_dir(), reason="needs Debian's dataset-fashion-mnist")
def test_debians_files_hold_the_shipped_subset() -> None:
    full = module.read_idx_folder(module.DEBIAN)
    assert full["train_pictures"].shape == (60_000, 28, 28)
    seen = {picture.tobytes() for picture in full["test_pictures"]}
    assert all(picture.tobytes() in seen for picture in module.arrays(module.SUBSET)["test_pictures"])


@pytest.mark.parametrize("text", ["Ankle Boot", "ankle-boot", "短靴", " 9 ", "ANKLE_BOOT"])
def test_labels_in_english_chinese_and_numbers(text: str) -> None:
    assert label_index(FASHION_LABELS, text) == 9


def test_every_chinese_label_and_unknown_ones() -> None:
    assert [label_index(FASHION_LABELS, text) for text in FASHION_LABELS_ZH] == [*range(10)]
    assert label_index(["3", "1"], "1") == 1
    with pytest.raises(NotFoundError, match="did you mean sneaker"):
        label_index(FASHION_LABELS, "sneakers")
    with pytest.raises(NotFoundError, match="label named '10'"):
        label_index(FASHION_LABELS, "10")


def test_sources_are_registered() -> None:
    assert {"fashion-mnist", "fashion-mnist-small"} <= set(registry.names("source"))
