"""The gallery: found by words, by kin and by likeness; nothing thrown away for good unasked; rebuilt from its files."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.gallery import Entry, Gallery
from danqing.images.writing import encode_array, encode_png
from danqing.types import Picture, Recipe

PROMPTS = ("a red cat", "戴红帽子的橘猫", "a blue owl with glasses", "红苹果", "Café, naïve")


@pytest.fixture
def gallery(tmp_path: Path) -> Gallery:
    gallery = Gallery(tmp_path)
    for number, prompt in enumerate(PROMPTS):
        gallery.add(f"p-{number}", png(number, prompt), "job", ["p-0"] if number == 1 else [], created=float(number))
    return gallery


def png(number: int, prompt: str) -> bytes:
    recipe = Recipe("painter", "abc", "text2image", number, (16, 16), prompt=prompt, extra={"drawn_as": "fluent"})
    return encode_png(Picture(np.full((16, 16, 3), 20 * number, np.uint8), recipe))


def ids(found: tuple[list, object]) -> list[str]:  # type: ignore[type-arg]
    return [entry.id for entry in found[0]]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("cat", [0]), ("CAT red", [0]), ("橘猫", [1]), ("红", [3, 1]), ("红帽 子", [1]), ("猫橘", []), ("owl gla", [2]),
        ("cafe", [4]), ("fluent", [4, 3, 2, 1, 0]), ('" OR 1', []), ("*", [4, 3, 2, 1, 0]), ("", [4, 3, 2, 1, 0]),
    ],
)  # fmt: skip
def test_words_find_pictures(gallery: Gallery, words: str, found: list[int]) -> None:
    assert ids(gallery.page(words=words)) == [f"p-{number}" for number in found]


def test_pages_hold_everything_once(gallery: Gallery) -> None:
    seen: list[str] = []
    before = None
    while True:
        page, before = gallery.page(before, count=2)
        seen += [entry.id for entry in page]
        if before is None:
            break
    assert seen == [f"p-{number}" for number in (4, 3, 2, 1, 0)]


def test_marks_lineage_and_trash(gallery: Gallery) -> None:
    gallery.mark("p-1", favourite=True, tags=[" 好 ", "好", "cat"])
    assert ids(gallery.page(favourite=True)) == ids(gallery.page(tag="好")) == ["p-1"]
    assert gallery.index.tags() == [("cat", 1), ("好", 1)]
    assert ids(gallery.page(words="cat")) == ["p-1", "p-0"]
    assert [entry.id for entry in gallery.kin("p-0")["children"]] == ["p-1"]
    assert [entry.id for entry in gallery.kin("p-1")["parents"]] == ["p-0"]
    gallery.mark("p-0", trashed=True)
    assert "p-0" not in ids(gallery.page()) and ids(gallery.page(trashed=True)) == ["p-0"]
    gallery.mark("p-0", trashed=False)
    assert "p-0" in ids(gallery.page())
    gallery.mark("p-0", trashed=True)
    assert gallery.empty_trash() == 1 and not gallery.path("p-0").exists()
    assert gallery.kin("p-1") == {"parents": [], "children": []}
    with pytest.raises(NotFoundError):
        gallery.get("p-0")
    with pytest.raises(UsageError):
        gallery.mark("p-1", tags=["x" * 41])


def test_the_index_is_made_again_from_the_files_alone(gallery: Gallery, tmp_path: Path) -> None:
    gallery.mark("p-2", favourite=True, tags=["owl"], trashed=False)
    before = [gallery.page()[0], gallery.kin("p-1"), gallery.index.tags()]
    gallery.close()
    for path in tmp_path.glob("index.sqlite*"):
        path.unlink()
    again = Gallery(tmp_path)
    assert again.page()[0] == []
    (tmp_path / "pictures" / "p-" / "p-bad.png").write_text("no picture")
    (tmp_path / "pictures" / "p-" / "p-3.json").write_text("{broken")
    count, troubles = again.rebuild()
    assert count == 5 and len(troubles) == 2 and any("p-bad" in said for said in troubles)
    assert {entry.id for entry in again.page()[0]} == {entry.id for entry in before[0]}  # type: ignore[union-attr]
    assert [again.kin("p-1"), again.index.tags()] == before[1:]
    assert ids(again.page(words="橘猫")) == ["p-1"] and again.get("p-2").marks.favourite


def test_a_file_that_vanished_is_named_by_the_rebuilding(gallery: Gallery) -> None:
    gallery.path("p-4").unlink()
    count, troubles = gallery.rebuild()
    assert count == 4 and troubles == ["p-4 was in the index, and its file is gone."]


def test_the_same_id_replaces_and_a_foreign_file_is_refused(gallery: Gallery) -> None:
    gallery.add("p-0", png(9, "a green cat"))
    assert ids(gallery.page(words="red cat")) == [] and ids(gallery.page(words="green cat")) == ["p-0"]
    assert len(gallery.page()[0]) == 5
    with pytest.raises(BadInputError):
        gallery.add("p-9", b"GIF89a")
    for bad in ("../x", "", "a/b", "x" * 99):
        with pytest.raises(NotFoundError):
            gallery.add(bad, png(0, "x"))
    plain = gallery.add("p-9", encode_array(np.zeros((8, 9, 3), np.uint8)))
    assert (plain.width, plain.height, plain.recipe) == (9, 8, {})


def test_a_job_done_again_keeps_what_was_said_of_its_pictures(gallery: Gallery) -> None:
    gallery.mark("p-2", favourite=True, tags=["owl"])
    again = gallery.add("p-2", png(2, "a blue owl with glasses"), "job", ["p-0"])
    assert again.marks.favourite and again.marks.tags == ("owl",) and again.marks.parents == ("p-0",)
    assert again.marks.created == 2.0


def test_what_is_painted_while_the_index_is_rebuilt_stays(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    read = gallery.entries

    def slow(troubles: list[str]) -> Iterator[Entry]:
        yield from list(read(troubles))
        gallery.add("p-late", png(7, "late"))

    monkeypatch.setattr(gallery, "entries", slow)
    assert gallery.rebuild() == (6, [])
    assert ids(gallery.page(words="late")) == ["p-late"]


def test_likeness_is_the_cosine(gallery: Gallery) -> None:
    assert gallery.like("p-0") == [] and gallery.index.strange(2) == ["p-4", "p-3"]
    for number, vector in enumerate(([1, 0], [2, 0.1], [0, 1], [-3, 0])):
        gallery.set_likeness(f"p-{number}", np.array(vector, np.float32))
    found = gallery.like("p-0")
    assert [entry.id for entry, _ in found] == ["p-1", "p-2", "p-3"]
    assert np.allclose([cosine for _, cosine in found], [2 / np.hypot(2, 0.1), 0, -1], atol=1e-3)
    gallery.set_likeness("gone", np.ones(2, np.float32))


def test_an_export_says_what_everything_was_made_with(gallery: Gallery) -> None:
    memory = io.BytesIO()
    gallery.export(["p-1", "p-3"], memory)
    with zipfile.ZipFile(memory) as archive:
        assert archive.namelist() == ["p-1.png", "p-3.png", "attribution.csv"]
        table = archive.read("attribution.csv").decode("utf-8-sig")
        assert "戴红帽子的橘猫,painter,abc,1,16x16,p-0" in table
        assert archive.read("p-1.png") == gallery.path("p-1").read_bytes()
    with pytest.raises(UsageError):
        gallery.export([], memory)


def test_notes_of_a_later_version_are_read(gallery: Gallery) -> None:
    path = gallery.path("p-2").with_suffix(".json")
    path.write_text(json.dumps({**json.loads(path.read_text()), "stars": 5}))
    assert gallery.rebuild() == (5, [])
