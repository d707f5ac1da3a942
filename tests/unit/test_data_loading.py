"""Folders, zips and arrays -> clean sets and leak-free splits, with real files made on the fly."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from danqing.data import Origin, PictureSet, load, load_split, picture_set, split
from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.images import Limits
from danqing.types import Progress


def paint(path: Path, seed: int, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = np.random.default_rng(seed)
    Image.fromarray(chance.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(12):
        paint(tmp_path / "set" / ["cats", "dogs", "猫"][seed % 3] / f"{seed:02}.png", seed)
    return tmp_path / "set"


def zipped(folder: Path, path: Path, around: str = "") -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, around + file.relative_to(folder).as_posix())
    return path


def test_a_folder_with_sub_folders_has_labels(folder: Path) -> None:
    pictures = load(folder)
    assert pictures.pixels.shape == (12, 3, 16, 16) and pictures.pixels.dtype == torch.uint8
    assert pictures.card.labels == ("cats", "dogs", "猫")
    assert pictures.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert (pictures.card.name, pictures.card.count, pictures.card.size, pictures.card.channels) == ("set", 12, 16, 3)
    with Image.open(folder / "cats" / "03.png") as image:
        assert np.array_equal(pictures.pixels[1].permute(1, 2, 0).numpy(), np.array(image))


@pytest.mark.parametrize("around", ["", "archive/"])
def test_a_zip_gives_what_its_folder_gives(folder: Path, tmp_path: Path, around: str) -> None:
    path = zipped(folder, tmp_path / "data.bin", around)
    pictures, same = load(path), load(folder)
    assert pictures.card.sha256 == same.card.sha256 and pictures.card.labels == same.card.labels
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data.bin", "set"]


class Gbk(zipfile.ZipInfo):
    """An entry as Chinese Windows writes it: GBK, and no word about it."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:
        return self.filename.encode("gbk"), 0


def test_zip_names_in_gbk(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for seed, label in enumerate(("包包", "短靴")):
            archive.writestr(Gbk(f"{label}/a.png"), paint(tmp_path / f"{seed}.png", seed).read_bytes())
    assert load(tmp_path / "a.zip").card.labels == ("包包", "短靴")


def test_files_at_the_top_have_no_labels(folder: Path) -> None:
    paint(folder / "top.png", 50)
    assert load(folder).labels is None


@pytest.mark.parametrize("name", ["labels.csv", "metadata.csv"])
def test_a_table_gives_labels(tmp_path: Path, name: str) -> None:
    for seed in range(4):
        paint(tmp_path / "in" / f"{seed}.png", seed)
    column = "file" if name == "labels.csv" else "file_name"
    rows = ["in/0.png,包", "in\\1.png,coat", "in/2.png,", "in/9.png,coat"]
    (tmp_path / name).write_text("\n".join([f"{column},label", *rows]), encoding="utf-8-sig")
    pictures = load(tmp_path)
    assert (pictures.card.labels, pictures.labels.tolist()) == (("coat", "包"), [1, 0])
    assert dict(pictures.card.left_out) == {
        f"not listed in {name}": 1,
        f"listed in {name} but not there": 1,
        f"without a label in {name}": 1,
    }


def test_a_table_without_its_columns(folder: Path) -> None:
    (folder / "labels.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadInputError, match="file,label"):
        load(folder)


def test_bad_files_are_left_out_and_counted(folder: Path) -> None:
    (folder / "cats" / "empty.png").touch()
    (folder / "cats" / "text.png").write_text("no picture")
    (folder / "cats" / ".DS_Store").write_text("hidden files do not count")
    cut = (folder / "dogs" / "01.png").read_bytes()[:200]
    (folder / "dogs" / "cut.png").write_bytes(cut)
    pictures = load(folder)
    assert len(pictures) == 12 and pictures.card.labels == ("cats", "dogs", "猫")
    assert sorted(pictures.card.left_out.values()) == [1, 1, 1]
    assert pictures.card.sha256 == load(folder, size=16).card.sha256


def test_nothing_usable_says_how_many_and_why(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="holds no files"):
        load(tmp_path)
    for place in range(3):
        (tmp_path / f"{place}.jpg").write_bytes(b"" if place else b"text")
    with pytest.raises(BadInputError, match=r"3 files were looked at .2 x the file is empty; 1 x the content"):
        load(tmp_path)


def test_one_picture_or_all_the_same(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 0)
    with pytest.raises(BadInputError, match=r"only one picture; give N >= 2"):
        load(tmp_path)
    paint(tmp_path / "b.png", 0)
    with pytest.raises(BadInputError, match=r"2 pictures that are all the same; give N >= 2"):
        load_split(tmp_path)


def test_mixed_sizes_become_64_and_it_is_said(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 0, (40, 30))
    paint(tmp_path / "b.jpg", 1, (300, 500))
    told: list[Progress] = []
    assert load(tmp_path, report=told.append).card.size == 64
    assert any("64 x 64" in event.message for event in told)
    assert load(tmp_path, size=32, fit="pad", background="black").pixels.shape == (2, 3, 32, 32)


def test_channels(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 0, mode="L")
    paint(tmp_path / "b.png", 1, mode="L")
    assert load(tmp_path).card.channels == 1 and load(tmp_path, channels=3).card.channels == 3
    paint(tmp_path / "c.png", 2)
    assert load(tmp_path).card.channels == 3 and load(tmp_path, channels=1).card.channels == 1


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"size": 10_000}, {"channels": 2}, {"fit": "squeeze"}, {"background": "nocolour"}]
)
def test_wishes_that_make_no_sense(folder: Path, wrong: dict) -> None:
    with pytest.raises(UsageError):
        load(folder, **wrong)


def test_names_that_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="did you mean fashion-mnist"):
        load("fashion-mnst")
    with pytest.raises(NotFoundError, match="no folder or file"):
        load(tmp_path / "none")
    with pytest.raises(UsageError, match="No data set"):
        load(" ")
    with pytest.raises(BadInputError, match="one file and no data set"):
        load(paint(tmp_path / "a.png", 0))


def test_a_path_wins_over_a_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.with_name("fashion-mnist-small"))
    monkeypatch.chdir(folder.parent)
    assert len(load("fashion-mnist-small")) == 12


def test_zip_bombs_and_broken_zips(folder: Path, tmp_path: Path) -> None:
    path = zipped(folder, tmp_path / "a.zip")
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("cats/bomb.png", bytes(3_000_000))
    pictures = load(path, limits=Limits(file_bytes=1_000_000))
    assert len(pictures) == 12 and dict(pictures.card.left_out) == {"the file is larger than 1 MB": 1}
    with pytest.raises(BadInputError, match="unpacks to"):
        load(path, limits=Limits(archive_bytes=2_000_000))
    data = bytearray(path.read_bytes())
    data[60:90] = bytes(30)
    path.write_bytes(data)
    assert load(path).card.left_out["the file in the zip cannot be unpacked"] == 1
    path.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(BadInputError):
        load(path)


def test_too_much_for_the_memory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.data.pictures.free_memory", lambda: 15_000)
    with pytest.raises(BadInputError, match=r"12 pictures of 16 x 16 x 3 need .* GB"):
        load(folder)


def test_arrays(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 20, 20, 3), dtype=np.uint8)
    np.savez(tmp_path / "a.npz", images=pixels, y=np.array(["b", "a"] * 3))
    pictures = load(tmp_path / "a.npz")
    assert (pictures.card.labels, pictures.labels.tolist()) == (("a", "b"), [1, 0] * 3)
    assert np.array_equal(pictures.pixels.permute(0, 2, 3, 1).numpy(), pixels)
    np.savez_compressed(tmp_path / "b.npz", x=pixels[:, :, :10, 0], labels=np.arange(6) + 5)
    pictures = load(tmp_path / "b.npz")
    assert (pictures.card.size, pictures.card.channels, pictures.card.labels[0]) == (64, 1, "5")
    assert load(tmp_path / "b.npz", size=8).pixels.shape == (6, 1, 8, 8)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"z": np.zeros(3, np.uint8)}, "holds no pictures"),
        ({"x": np.zeros((3, 4, 4), np.float32)}, "float32"),
        ({"x": np.zeros((3, 4), np.uint8)}, r"\(3, 4\)"),
        ({"x": np.zeros((3, 4, 4), np.uint8), "y": np.zeros(2, int)}, r"\(3,\)"),
        ({"x": np.array([{"evil": 1}], dtype=object)}, "plain arrays"),
    ],
)
def test_arrays_that_are_no_pictures(content: dict, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(BadInputError, match=words):
        load(tmp_path / "a.npz")


def made(contents: list[int], labels: list[int] | None) -> PictureSet:
    pixels = torch.tensor(contents, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    names = () if labels is None else tuple(map(str, range(4)))
    return picture_set(pixels, None if labels is None else torch.tensor(labels), Origin("made", "made", labels=names))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=2, max_size=60),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
    st.booleans(),
)
def test_splits_leak_nothing_lose_nothing_and_repeat(
    rows: list[tuple[int, int]], share: float, seed: int, labelled: bool
) -> None:
    contents, labels = [row[0] for row in rows], [row[1] for row in rows] if labelled else None
    whole = made(contents, labels)
    if len(set(contents)) < 2:
        with pytest.raises(BadInputError, match="N >= 2"):
            split(whole, share, seed)
        return
    train, held = split(whole, share, seed)
    sides = [set(part.pixels[:, 0, 0, 0].tolist()) for part in (train, held)]
    assert not sides[0] & sides[1] and all(sides) and len(train) + len(held) == len(whole)
    again = split(made(contents[::-1], labels and labels[::-1]), share, seed)
    if not labelled:
        assert set(again[1].pixels[:, 0, 0, 0].tolist()) == sides[1]


def test_splits_are_stratified_and_follow_the_seed(folder: Path) -> None:
    train, held = load_split(folder, held_out=0.25)
    assert train.labels.bincount().tolist() == [3] * 3 and held.labels.bincount().tolist() == [1] * 3
    assert train.card.count == 9 and train.card.sha256 != held.card.sha256
    assert load_split(folder, held_out=0.25)[1].card.sha256 == held.card.sha256
    assert load_split(folder, held_out=0.25, seed=1)[1].card.sha256 != held.card.sha256
    with pytest.raises(UsageError, match="between 0 and 1"):
        load_split(folder, held_out=1.0)
