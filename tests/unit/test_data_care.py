"""danqing data check: planted faults are found, clean pictures are left alone, and the clean copy is whole."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from danqing import api
from danqing.cli.datasets import shares_of
from danqing.cli.door import main
from danqing.data.care import KINDS
from danqing.data.care.aligning import correlation
from danqing.data.care.finding import cross_predicted, folds_of, spread, wrong_captions
from danqing.data.care.looking import Looked, blur_of
from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.families.style.drawn import drawn


def write(path: Path, pixels: np.ndarray, **how: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **how)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """68 pictures of two manners in two sub-folders with captions, and one fault of each kind."""
    place = tmp_path_factory.mktemp("care") / "set"
    names = ("mosaic", "watercolour")
    for name in names:
        for seed in range(34):
            write(place / name / f"{seed:02d}.png", drawn(name, 64, seed))
    one = drawn("mosaic", 64, 0)
    (place / "mosaic" / "broken.png").write_text("this is no picture")
    (place / "mosaic" / "empty.jpg").write_bytes(b"")
    write(place / "mosaic" / "tiny.png", one[:12, :12])
    write(place / "mosaic" / "blank.png", np.full((64, 64, 3), (10, 200, 30), np.uint8))
    smeared = Image.fromarray(drawn("mosaic", 64, 99)).filter(ImageFilter.GaussianBlur(4))
    write(place / "mosaic" / "blurred.png", np.asarray(smeared))
    write(place / "mosaic" / "zz-same.png", one)
    write(place / "mosaic" / "zz-near.jpg", drawn("mosaic", 64, 1), quality=90, subsampling=0)
    write(place / "mosaic" / "strange.png", np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8))
    write(place / "watercolour" / "wrong.png", drawn("mosaic", 64, 77))
    for path in sorted(place.rglob("*.*g")):
        if path.name != "03.png":
            path.with_suffix(".txt").write_text(f"a {path.parent.name}")
    for name, other in (names, names[::-1]):
        (place / name / "20.txt").write_text(f"a {other}")
    (place / "LICENSE").write_text("CC0")
    return place


EXPECTED = {
    "mosaic/broken.png": "broken", "mosaic/empty.jpg": "broken", "mosaic/tiny.png": "tiny",
    "mosaic/blank.png": "blank", "mosaic/blurred.png": "blurred", "mosaic/zz-same.png": "duplicate",
    "mosaic/zz-near.jpg": "near-duplicate", "mosaic/strange.png": "outlier", "watercolour/wrong.png": "wrong-label",
    "mosaic/20.png": "wrong-caption", "watercolour/20.png": "wrong-caption", "mosaic/03.png": "missing-caption",
    "watercolour/03.png": "missing-caption",
}  # fmt: skip


def test_each_fault_is_found_and_nothing_else(folder: Path) -> None:
    care = api.check_data(folder).result()
    assert {one.file: one.kind for one in care.findings} == EXPECTED
    assert next(one.other for one in care.findings if one.kind == "duplicate") == "mosaic/00.png"
    assert care.counts() == {kind: list(EXPECTED.values()).count(kind) for kind in KINDS}
    plain = care.plain()
    assert plain["good"] == 64 and plain["labels"] == {"mosaic": 32, "watercolour": 32}
    assert plain["statistics"]["width"] == [64, 64, 64]


def test_the_clean_copy_has_all_that_is_good_and_says_what_is_not_there(folder: Path, tmp_path: Path) -> None:
    care = api.check_data(folder).result()
    clean = api.fix_data(care, tmp_path / "clean")
    pictures = {path.relative_to(clean).as_posix() for path in clean.rglob("*.*g")}
    assert len(pictures) == 64 and not pictures & EXPECTED.keys()
    with (clean / "left-out.csv").open() as file:
        assert {row["file"]: row["kind"] for row in csv.DictReader(file)} == EXPECTED
    card = json.loads((clean / "data-card.json").read_text())
    assert card["sha256"].keys() == pictures and card["licences"] == ["LICENSE"] and (clean / "LICENSE").exists()
    assert (clean / "mosaic" / "00.txt").read_text() == "a mosaic" and not (clean / "mosaic" / "tiny.txt").exists()
    assert not api.check_data(clean).result().findings
    with pytest.raises(UsageError, match="not empty"):
        api.fix_data(care, clean)
    with pytest.raises(UsageError, match="lies in"):
        api.fix_data(care, folder / "clean")


def test_a_copy_is_whole_or_not_there(folder: Path, tmp_path: Path) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(folder, copied)
    (copied / "mosaic" / "metadata.csv").write_bytes("file,text\n00.png,红".encode("gbk"))
    with pytest.raises(BadInputError, match="UTF-8"):
        api.check_data(copied).result()
    care = api.check_data(folder).result()
    (folder / "metadata.csv").write_bytes("file,text\nx.png,红".encode("gbk"))
    try:
        with pytest.raises(BadInputError, match="UTF-8"):
            api.fix_data(care, tmp_path / "clean")
    finally:
        (folder / "metadata.csv").unlink()
    assert not (tmp_path / "clean").exists() and not list(tmp_path.glob(".cleaning-*"))


def test_labels_and_captions_of_two_tables(tmp_path: Path) -> None:
    for seed in range(4):
        write(tmp_path / f"{seed}.png", drawn("ink", 48, seed))
    (tmp_path / "labels.csv").write_text("file,label\n0.png,a\n1.png,b\n2.png,a\n3.png,\n")
    (tmp_path / "metadata.csv").write_text("file_name,text\n0.png,one\n1.png,two\n2.png,\n3.png,four\n")
    care = api.check_data(tmp_path).result()
    assert {one.file: one.kind for one in care.findings} == {"3.png": "missing-label", "2.png": "missing-caption"}


def test_labels_and_captions_of_a_table(tmp_path: Path) -> None:
    for seed in range(6):
        write(tmp_path / "set" / f"{seed}.png", drawn("ink", 48, seed))
    rows = [("file", "label", "caption"), ("0.png", "a", "one"), ("1.png", "", "two"), ("2.png", "a", ""),
            ("3.png", "b", "x"), ("4.png", "b", "y"), ("5.png", "b", "z")]  # fmt: skip
    with (tmp_path / "set" / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    care = api.check_data(tmp_path / "set").result()
    assert {one.file: one.kind for one in care.findings} == {"1.png": "missing-label", "2.png": "missing-caption"}
    api.fix_data(care, tmp_path / "clean")
    with (tmp_path / "clean" / "labels.csv").open() as file:
        assert [row["file"] for row in csv.DictReader(file)] == ["0.png", "3.png", "4.png", "5.png"]


def test_on_the_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sheet = tmp_path / "sheet.png"
    words = ["data", "check", str(folder), "--fix", str(tmp_path / "clean"), "--sheet", str(sheet), "--json"]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["good"] == 64 and sheet.exists() and Path(found["fixed"], "data-card.json").exists()
    assert main(["data", "check", str(folder)]) == 0
    told = capsys.readouterr().out
    assert "64 of 77" in told and "middle" in told
    for label, count in found["labels"].items():
        assert [label, str(count), f"{count / sum(found['labels'].values()):.0%}"] in [
            row.split() for row in told.split("\n")
        ]


def test_labels_are_told_most_frequent_first_and_few() -> None:
    assert shares_of({"cat": 1, "dog": 3}) == [("dog", "3", "75%"), ("cat", "1", "25%")]
    many = shares_of({f"{n:02}": 1 for n in range(30)})
    assert len(many) == 21 and many[-1] == ("10 others", "10", "33%")


def test_folders_without_pictures(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        api.check_data(tmp_path / "nowhere").result()
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(BadInputError, match="no pictures"):
        api.check_data(tmp_path).result()
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(BadInputError, match="None of the 1 files"):
        api.check_data(tmp_path).result()
    write(tmp_path / "one.png", drawn("ink", 48))
    with pytest.raises(UsageError, match="at least 1"):
        api.check_data(tmp_path, smallest=0).result()
    assert [one.kind for one in api.check_data(tmp_path).result().findings] == ["broken"]


def test_measures_against_what_is_known() -> None:
    assert blur_of(np.zeros((20, 20))) == 0
    step = np.repeat([[0.0, 255.0]], 10, 1).repeat(10, 0)
    assert blur_of(step) == pytest.approx(1 - (255 - 255 / 9) / 255)  # one step, spread over nine pixels
    picture = drawn("watercolour", 96)
    assert correlation(picture, picture) == pytest.approx(1)
    assert correlation(picture, 255 - picture) < 0.2
    cut = np.asarray(Image.fromarray(picture[4:-4, 4:-4]).resize((96, 96), Image.Resampling.LANCZOS))
    assert correlation(picture, cut) > 0.98
    assert spread(np.arange(101.0)) == pytest.approx(1.4826 * 25)
    labels = np.array([0] * 10 + [1] * 7)
    folds = folds_of(labels)
    assert all(np.ptp(np.bincount(folds[labels == label])) <= 1 for label in (0, 1))
    x = np.random.default_rng(0).normal(size=(17, 2)) + 6 * labels[:, None]
    chances = cross_predicted(x, labels, 2)
    assert np.allclose(np.exp(chances).sum(1), 1) and (chances.argmax(1) == labels).all()


def captioned(captions: list[str]) -> tuple[list[Looked], dict[str, str]]:
    files = [Looked(f"{i}.png") for i in range(len(captions))]
    return files, {one.name: text for one, text in zip(files, captions, strict=True)}


def test_words_of_captions_are_weighed_together() -> None:
    """Two words that show in the picture, one that does not, and a rare one."""
    chance = np.random.default_rng(0)
    red, cat, odd = chance.random((3, 200)) < 0.5
    view = np.stack([6.0 * red, 6.0 * cat], axis=1) + chance.normal(size=(200, 2))
    view = np.concatenate([view, chance.normal(size=(200, 6))], axis=1)
    captions = [" ".join(("a", "red" if r else "grey", "cats" if c else "dog", "today" if o else "still"))
                for r, c, o in zip(red, cat, odd, strict=True)]  # fmt: skip
    wrong = [0, 1, 2]
    for i in wrong:
        captions[i] = " ".join(("a", "grey" if red[i] else "red", "dog" if cat[i] else "cat", "unicorn"))
    captions[3] = captions[3].replace("today", "still") if odd[3] else captions[3].replace("still", "today")
    captions[4] = "unicorn"
    files, known = captioned(captions)
    found = list(wrong_captions(files, [view], known))
    assert [one.file for one in found] == ["0.png", "1.png", "2.png"]
    assert all(one.other in ("red", "grey", "cat", "dog") for one in found)


@pytest.mark.parametrize("captions", [[], ["a cat"] * 60, [""] * 60, [f"picture {i}" for i in range(60)]])
def test_captions_that_tell_nothing_are_not_judged(captions: list[str]) -> None:
    files, known = captioned(captions)
    assert not list(wrong_captions(files, [np.random.default_rng(0).normal(size=(len(files), 8))], known))


def test_chinese_captions_are_judged_by_their_characters() -> None:
    chance = np.random.default_rng(1)
    red = chance.random(120) < 0.5
    captions = ["红色的猫" if one else "蓝色的猫" for one in red]
    captions[7] = "蓝色的猫" if red[7] else "红色的猫"
    view = np.concatenate([6.0 * red[:, None], np.zeros((120, 7))], axis=1) + chance.normal(size=(120, 8))
    files, known = captioned(captions)
    assert [one.file for one in wrong_captions(files, [view], known)] == ["7.png"]
