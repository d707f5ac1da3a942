"""The clip-art set, built from tiny packages that are made up here; nothing is fetched, and resvg is stood in for."""

import base64
import hashlib
import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw

from danqing.data import load_split
from danqing.data.clipart import building, fetching, naming, openclipart, packages, redrawing, rendering, sets, shards
from danqing.data.clipart.colouring import colour_words
from danqing.data.clipart.describing import Icon, Row, describe
from danqing.data.clipart.holding_out import with_splits
from danqing.data.clipart.packages import Package, Source
from danqing.data.clipart.reading import open_clipart
from danqing.errors import BadInputError, MissingExtraError, NotFoundError
from danqing.types import Progress

Files = Mapping[str, Any]

SQUARE = '<rect x="{x}" y="2" width="{w}" height="12" fill="{fill}"/>'
EMOJI = {
    "cat-face": SQUARE.format(x=1, w=14, fill="#ff8000"),
    "dog": SQUARE.format(x=2, w=12, fill="#804020"),
    "waving-hand-dark-skin-tone": SQUARE.format(x=3, w=3, fill="#402010"),
    "copy-of-cat": SQUARE.format(x=1, w=14, fill="#ff8000"),
    "twelve-oclock": SQUARE.format(x=4, w=3, fill="#ffffff"),
    "flag-china": SQUARE.format(x=0, w=16, fill="#ff0000"),
    "letter-a": SQUARE.format(x=5, w=2, fill="#0000ff"),
}
CHARS = {"1f431": "cat-face", "1f415": "dog", "1f44b-1f3ff": "waving-hand-dark-skin-tone", "1f55b": "twelve-oclock"}
ENGLISH = {
    "🐱": ("cat face", ["cat", "pet"]),
    "🐕": ("dog", ["animal"]),
    "👋": ("waving hand", ["hello"]),
    "👋🏿": ("waving hand: dark skin tone", []),
    "🕛": ("twelve o’clock", ["clock"]),
    "🇨🇳": ("flag: China", ["flag"]),
    "🍲": ("pot of food", ["stew"]),
    "🎀": ("ribbon", []),
    "🔵": ("blue circle", []),
}
CHINESE = {"🐱": ("猫脸", ["猫"]), "🐕": ("狗", [])}


def iconify(
    icons: Mapping[str, str], chars: Mapping[str, str] = {}, groups: Mapping[str, list[str]] = {}, side: int = 16
) -> Files:
    return {
        "icons.json": {"width": side, "height": side, "icons": {name: {"body": body} for name, body in icons.items()}},
        "chars.json": chars,
        "metadata.json": {"categories": groups},
    }


def annotations(root: str, language: str, entries: Mapping[str, tuple[str, list[str]]]) -> Files:
    values = {text: {"tts": [name], "default": [name, *words]} for text, (name, words) in entries.items()}
    return {f"{root}/{language}/annotations.json": {root: {"annotations": values}}}


def pack(folder: Path, name: str, files: Files) -> Package:
    """A tarball as npm makes it, and the package pinned to it."""
    folder.mkdir(parents=True, exist_ok=True)
    package = Package(name, "1.0.0", "")
    with tarfile.open(folder / package.file, "w:gz") as archive:
        for member, content in files.items():
            data = json.dumps(content).encode()
            entry = tarfile.TarInfo(f"package/{member}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    digest = hashlib.sha512((folder / package.file).read_bytes()).digest()
    return replace(package, integrity=f"sha512-{base64.b64encode(digest).decode()}")


def drawn(svg_string: str, width: int, height: int, **settings: Any) -> bytes:
    """Rectangles only; a stand-in for resvg, since it need not be installed."""
    assert settings == {"dpi": 96.0, "skip_system_fonts": True}
    if "panic" in svg_string:
        raise BaseException("the renderer panicked")
    left, top, side, _ = map(float, re.search(r'viewBox="([^"]*)"', svg_string)[1].split())  # type: ignore[index]
    picture = Image.new("RGBA", (width, height))
    pen = ImageDraw.Draw(picture)
    for tag in re.findall(r"<rect[^>]*>", svg_string):
        x, y, w, h = (float(re.search(rf' {key}="([^"]*)"', tag)[1]) for key in ("x", "y", "width", "height"))  # type: ignore[index]
        fill = ImageColor.getcolor(re.search(r'fill="([^"]*)"', tag)[1], "RGB")  # type: ignore[index]
        scale = width / side
        box = [round(v) for v in ((x - left) * scale, (y - top) * scale, (x - left + w) * scale, (y - top + h) * scale)]
        pen.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(*fill, 255))  # type: ignore[misc]
    memory = io.BytesIO()
    picture.save(memory, "PNG")
    return memory.getvalue()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SVGs that were rendered."""
    seen: list[str] = []

    def draw(svg_string: str, **settings: Any) -> bytes:
        seen.append(svg_string)
        return drawn(svg_string, **settings)

    monkeypatch.setitem(sys.modules, "resvg_py", SimpleNamespace(svg_to_bytes=draw, __version__="0"))
    return seen


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home whose cache holds four small sets and the names, pinned in place of the real ones."""
    cache = tmp_path / "cache" / "clipart"
    cldr = pack(
        cache, "cldr-a", {**annotations("annotations", "en", ENGLISH), **annotations("annotations", "zh", CHINESE)}
    )
    derived = pack(cache, "cldr-b", {})
    titles = pack(
        cache,
        "titles",
        {"icons.json": [{"name": "a-cane", "title": "拐杖", "tag": ["拐杖", "工具"], "author": "Ann", "category": ""}]},
    )
    groups = {"Animals & Nature": ["cat-face", "dog"], "Flags": ["flag-china"], "Symbols": ["letter-a"]}
    noto = pack(cache, "noto", iconify(EMOJI, CHARS, groups))
    other = {"cat-face": SQUARE.format(x=4, w=8, fill="#00aa44"), "dog": SQUARE.format(x=6, w=4, fill="#222222")}
    twemoji = pack(cache, "twemoji", iconify(other, CHARS, groups, 32))
    fx = {
        "potoffood": SQUARE.format(x=5, w=9, fill="#aa0000"),
        "bow": SQUARE.format(x=0, w=9, fill="#ff88bb"),
        "qzx": SQUARE.format(x=0, w=8, fill="#ff88bb"),
        "bluecat": SQUARE.format(x=3, w=8, fill="#3366cc"),
    }
    park = {"a-cane": SQUARE.format(x=7, w=2, fill="#2f88ff"), "align-left": SQUARE.format(x=0, w=2, fill="#000000")}
    rows = [("noto", noto, True), ("twemoji", twemoji, True)]
    rows += [
        ("fxemoji", pack(cache, "fx", iconify(fx)), True),
        ("icon-park", pack(cache, "park", iconify(park)), False),
    ]
    sources = tuple(
        Source(slug, package, "MIT", "Somebody", "drawing" if emoji else "icon", emoji) for slug, package, emoji in rows
    )
    share = Source("openmoji", Package("share-alike", "1", ""), "CC-BY-SA-4.0", "", "drawing", True)
    for module in (sets, building):
        monkeypatch.setattr(module, "SOURCES", (*sources, share))
    for module in (packages, naming):
        monkeypatch.setattr(module, "CLDR", cldr)
        monkeypatch.setattr(module, "CLDR_DERIVED", derived)
    monkeypatch.setattr(sets, "ICON_PARK_TITLES", titles)
    monkeypatch.setattr(building, "NAMING", (cldr, derived, titles))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("DANQING_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def built(home: Path, calls: list[str]) -> Iterator[list[Progress]]:
    yield list(building.build(home))


def test_the_set_holds_what_is_wanted_under_the_right_names(home: Path, built: list[Progress]) -> None:
    found = open_clipart()
    assert [row.id for row in found.rows] == [
        "noto:cat-face", "noto:dog", "noto:flag-china", "twemoji:cat-face", "twemoji:dog",
        "fxemoji:potoffood", "fxemoji:bow", "fxemoji:bluecat", "icon-park:a-cane",
    ]  # fmt: skip
    cat = found.rows[0]
    assert (cat.name_en, cat.name_zh, cat.zh_from, cat.codepoints) == ("cat face", "猫脸", "cldr", "1f431")
    assert (cat.keywords_en, cat.keywords_zh, cat.tags) == (("cat", "pet"), ("猫",), ("Animals & Nature",))
    assert (cat.kind, cat.weight, cat.colours, cat.name_from) == ("drawing", 1.0, ("orange",), "cldr")
    assert found.rows[2].kind == "flag" and found.rows[2].weight == 0.1
    by_id = {row.id: row for row in found.rows}
    assert by_id["fxemoji:potoffood"].name_en == "pot of food" and by_id["fxemoji:bow"].name_en == "ribbon"
    assert by_id["fxemoji:bluecat"].name_from == "words" and by_id["fxemoji:bluecat"].name_en == "blue cat"
    cane = by_id["icon-park:a-cane"]
    assert (cane.name_en, cane.name_zh, cane.zh_from, cane.author) == ("cane", "拐杖", "icon-park", "Ann")
    assert (cane.kind, cane.weight, cane.keywords_zh) == ("icon", 0.3, ("工具",))
    assert by_id["noto:dog"].name_zh == "狗" and by_id["fxemoji:bow"].name_zh == ""


def test_the_card_counts_and_says_what_was_left_out(home: Path, built: list[Progress]) -> None:
    card = open_clipart().card
    assert card["pictures"] == 9 and card["counts"]["source"]["noto"] == 3
    out = card["left_out"]["noto"]
    assert out["skin tone"] == 1 and out["the same picture again"] + out["no name that says what it is"] >= 1
    assert card["left_out"]["fxemoji"]["no name that says what it is"] == 1
    assert card["left_out"]["icon-park"]["a sign of programs"] == 1
    assert "openclipart" in card["missing"] and "openclipart" in " ".join(event.message for event in built)
    assert card["licences_wanted"] == "permissive" and "share-alike" not in json.dumps(card["packages"])
    folder = home / "data" / "clipart"
    for name, digest in card["sha256"].items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    assert built[-1].done == 1.0


def test_pictures_are_premultiplied_cropped_where_icons_and_mapped(home: Path, built: list[Progress]) -> None:
    found = open_clipart()
    assert isinstance(found.pictures, np.memmap) and found.pictures.shape == (9, 128, 128, 4)
    clear = found.pictures[..., 3] == 0
    assert clear.any() and not found.pictures[clear].any()
    emoji, icon = found.pictures[0], found.pictures[found.places["icon-park:a-cane"]]
    assert rendering.painted_box(emoji) == (8, 16, 112, 96)
    assert rendering.painted_box(icon)[3] == 120  # type: ignore[index]
    assert (found.white([0])[0, 0, 0] == 255).all()
    folder = home / "data" / "clipart"
    assert (folder / "sheet.png").stat().st_size > 0
    assert (folder / "sources.tsv").read_text().splitlines()[1].split("\t") == [
        "noto:cat-face",
        "noto",
        "MIT",
        "Somebody",
    ]


def test_the_vectors_draw_the_same_pictures(built: list[Progress]) -> None:
    found = open_clipart()
    svgs = list(found.vectors())
    assert len(svgs) == len(found)
    for picture, svg in zip(found.pictures, svgs, strict=True):
        assert np.array_equal(rendering.render(svg), picture)


def test_a_set_without_its_pictures_is_drawn_again(home: Path, built: list[Progress], tmp_path: Path) -> None:
    first, elsewhere = open_clipart().folder, tmp_path / "elsewhere"
    assert list(redrawing.redraw(first, elsewhere))[-1].done == 1.0
    again = elsewhere / "data" / "clipart"
    assert (again / "pictures.npy").read_bytes() == (first / "pictures.npy").read_bytes()
    assert open_clipart(again).rows == open_clipart(first).rows


def test_a_set_that_draws_otherwise_is_refused(home: Path, built: list[Progress], tmp_path: Path) -> None:
    folder = tmp_path / "carried"
    folder.mkdir()
    for name in redrawing.TRAVELS:
        shutil.copyfile(open_clipart().folder / name, folder / name)
    card = json.loads((folder / "card.json").read_text())
    card["sha256"]["pictures.npy"] = "0" * 64
    (folder / "card.json").write_text(json.dumps(card))
    with pytest.raises(BadInputError, match="other than the card says"):
        list(redrawing.redraw(folder, tmp_path / "elsewhere"))
    assert not (tmp_path / "elsewhere" / "data" / "clipart").exists()
    (folder / "vectors.jsonl.gz").unlink()
    with pytest.raises(BadInputError, match=r"vectors\.jsonl\.gz is missing"):
        list(redrawing.redraw(folder, tmp_path / "elsewhere"))


def test_a_second_build_draws_nothing_and_is_the_same(home: Path, built: list[Progress], calls: list[str]) -> None:
    before = {path.name: path.read_bytes() for path in (home / "data" / "clipart").iterdir()}
    calls.clear()
    list(building.build(home))
    assert not calls
    assert {path.name: path.read_bytes() for path in (home / "data" / "clipart").iterdir()} == before


def test_a_broken_shard_is_drawn_anew(home: Path, built: list[Progress], calls: list[str]) -> None:
    shard = home / "cache" / "clipart" / "drawn" / "noto.npz"
    shard.write_bytes(shard.read_bytes()[:99])
    calls.clear()
    list(building.build(home))
    assert calls and len(open_clipart()) == 9


def test_what_cannot_be_drawn_is_counted(calls: list[str], tmp_path: Path) -> None:
    row = Row("a:b", "a", "a", "MIT", "", "b")
    bad = shards.Drawing(row, rendering.squared("<g>panic</g>", (0, 0, 1, 1)), False)
    shard = list(shards.filled(tmp_path / "a.npz", [bad], "a"))[-1]
    assert isinstance(shard, shards.Shard) and shard.of(bad) is None


def test_training_data_are_over_white_with_styles_as_labels(built: list[Progress]) -> None:
    train, held = load_split("clipart", size=64)
    assert train.card.labels == ("fxemoji", "icon-park", "noto", "twemoji") and train.card.licence == "MIT"
    assert train.pixels.shape[1:] == (3, 64, 64) and len(train) + len(held) == 9
    assert (train.pixels[:, :, 0, 0] == 255).all(1).any()


def test_before_it_is_built_the_way_is_shown(home: Path) -> None:
    with pytest.raises(NotFoundError, match="danqing data build clipart"):
        load_split("clipart")


def test_half_a_set_is_refused(home: Path, built: list[Progress]) -> None:
    captions = home / "data" / "clipart" / "captions.jsonl"
    captions.write_text(captions.read_text().splitlines()[0] + "\n")
    with pytest.raises(BadInputError, match="build clipart"):
        open_clipart()


def test_without_resvg_the_extra_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(MissingExtraError, match=r"danqing\[clipart\]"):
        list(building.build(home))


def test_without_npm_or_network_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = Package("some-set", "1.0.0", "sha512-x")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(NotFoundError, match="no npm"):
        list(fetching.fetch([package], tmp_path))

    def fail(*args: Any, **settings: Any) -> None:
        raise subprocess.CalledProcessError(1, "npm")

    monkeypatch.setattr(shutil, "which", lambda name: "/bin/npm")
    monkeypatch.setattr(subprocess, "run", fail)
    with pytest.raises(NotFoundError, match="network"):
        list(fetching.fetch([package], tmp_path))
    assert not list(tmp_path.iterdir())


def test_packages_are_fetched_once_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pinned = pack(tmp_path / "registry", "some-set", {"icons.json": {"a": 1}})
    commands: list[list[str]] = []

    def bring(command: list[str], cwd: str, **settings: Any) -> None:
        commands.append(command)
        shutil.copy(tmp_path / "registry" / pinned.file, cwd)

    monkeypatch.setattr(shutil, "which", lambda name: "/bin/npm")
    monkeypatch.setattr(subprocess, "run", bring)
    cache = tmp_path / "cache"
    assert len(list(fetching.fetch([pinned], cache))) == 1
    assert not list(fetching.fetch([pinned], cache)) and len(commands) == 1
    assert commands[0][-1] == "some-set@1.0.0"
    assert fetching.read_json(cache, pinned, "icons.json") == {"a": 1}
    assert fetching.read_json(cache, pinned, "other.json") is None
    (cache / pinned.file).write_bytes(b"something else")
    assert len(list(fetching.fetch([pinned], cache))) == 1
    with pytest.raises(BadInputError, match="pinned"):
        list(fetching.fetch([replace(pinned, integrity="sha512-y")], cache))


@pytest.mark.parametrize(
    ("rgb", "words"),
    [
        ((220, 40, 40), ["red"]),
        ((255, 200, 61), ["yellow"]),
        ((30, 60, 140), ["blue"]),
        ((16, 16, 16), ["black"]),
        ((249, 221, 189), []),
    ],
)
def test_colour_words(rgb: tuple[int, int, int], words: list[str]) -> None:
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[20:100, 20:100] = (*rgb, 255)
    assert colour_words(picture) == words


def test_outlines_and_small_spots_are_no_colours() -> None:
    picture = np.zeros((128, 128, 4), np.uint8)
    picture[10:118, 10:118] = (20, 20, 20, 255)
    picture[14:114, 14:114] = (60, 160, 70, 255)
    picture[40:60, 40:60] = (220, 30, 30, 255)
    assert colour_words(picture) == ["green"]
    assert colour_words(np.zeros((128, 128, 4), np.uint8)) == []


def rows(count: int, styles: int) -> list[Row]:
    return [
        Row(f"s{style}:n{name}", f"s{style}", f"s{style}", "MIT", "", f"Name {name}")
        for style in range(styles)
        for name in range(count)
    ]


def test_names_are_held_out_in_all_styles_and_pairs_leave_three() -> None:
    made = with_splits(rows(1000, 5) + [Row("t:x", "t", "t", "MIT", "", f"alone {i}") for i in range(200)])
    of: dict[str, set[str]] = {}
    left: dict[str, int] = {}
    for row in made:
        of.setdefault(row.name_en, set()).add(row.split)
        left[row.name_en] = left.get(row.name_en, 0) + (row.split == "train")
    names = [name for name, seen in of.items() if "name" in seen]
    assert 25 < len(names) < 80 and all(of[name] == {"name"} for name in names)
    assert 150 < sum(row.split == "pair" for row in made) < 350
    assert all(left[name] >= 3 for name, seen in of.items() if "pair" in seen)
    assert all(row.split == "train" for row in made if row.name_en.startswith("alone"))
    assert {(row.id, row.split) for row in with_splits(made[::-1])} == {(row.id, row.split) for row in made}


def test_numbered_people_are_skin_tones_but_numbered_things_are_not(home: Path) -> None:
    reference = sets.read_reference(home / "cache" / "clipart")
    reference = replace(reference, groups={**reference.groups, "1f44b": "People & Body"})
    source = Source("streamline", Package("x", "1", ""), "CC-BY-4.0", "", "drawing", True)
    assert describe(source, Icon("waving-hand-2", "", "", ()), reference) == "skin tone"
    for name in ("waving-hand-1", "dog-2"):
        assert isinstance(describe(source, Icon(name, "", "", ()), reference), Row)


CLIP = """<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY red "#ff0000">]>
<svg:svg xmlns:svg="http://www.w3.org/2000/svg" xmlns="http://www.w3.org/2000/svg" width="20mm" height="10mm">
<metadata><rdf:RDF><cc:Work><dc:title>{title}</dc:title>
<dc:creator><cc:Agent><dc:title>Nobody Known</dc:title></cc:Agent>
</dc:creator><dc:subject><rdf:Bag><rdf:li>Toy</rdf:li></rdf:Bag></dc:subject></cc:Work></rdf:RDF></metadata>
<rect x="1" y="1" width="5" height="5" fill="&red;"/></svg:svg>"""


def test_openclipart_is_named_by_titles_then_by_files() -> None:
    words = {"blue": 1, "cat": 1, "dog": 1, "toys": 1}
    found = [
        openclipart.read_clip("animals/x.svg", CLIP.format(title="The Blue Cat")),
        openclipart.read_clip("animals/dog_nobody_01.svg", CLIP.format(title="R16 submission")),
        openclipart.read_clip("animals/gatto.svg", CLIP.format(title="Gatto")),
        openclipart.read_clip("office/dog2.svg", "<svg><g/></svg>"),
        *(openclipart.read_clip(f"animals/{name}.svg", CLIP.format(title="Toys")) for name in ("q1", "q2", "q3")),
    ]
    left_out: Any = openclipart.Counter()
    made = list(openclipart.drawings(found, words, left_out))
    assert [(d.row.name_en, d.row.name_from) for d in made] == [("blue cat", "title"), ("dog", "file-name")]
    assert made[0].row.author == "Nobody Known" and made[0].row.keywords_en == ("toy",) and made[0].row.weight == 0.5
    assert made[0].row.licence in packages.PERMISSIVE
    assert 'fill="#ff0000"' in made[0].svg and 'xmlns:svg="' in made[0].svg
    assert re.search(r'viewBox="0 -18.8\d+ 75.5\d+ 75.5\d+"', made[0].svg)
    assert left_out["no name that says what it is"] == 4 and left_out["no size"] == 1


def test_the_pinned_table_is_whole() -> None:
    slugs = [source.slug for source in packages.SOURCES]
    assert len(set(slugs)) == len(slugs) >= 18
    for package in (*packages.NAMING, *(source.package for source in packages.SOURCES)):
        assert package.integrity.startswith("sha512-") and len(base64.b64decode(package.integrity[7:])) == 64
    share_alike = {source.slug for source in packages.SOURCES if source.licence not in packages.PERMISSIVE}
    assert share_alike == {"openmoji", "emojione-v1"}
