"""The set of photos and paintings: Qt's resource files, licences, jigsaws, the building from packages."""

import io
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from danqing.data.studies import PAINTINGS, PHOTOS, studies_folder
from danqing.data.studies.building import build
from danqing.data.studies.gathering import put_together, read_credits
from danqing.data.studies.resources import resources
from danqing.errors import BadInputError, NotFoundError
from danqing.images.reading import read


def resource_file(files: dict[str, bytes], packed: bool = False) -> bytes:
    """As rcc writes it, version 1: a root folder and files beside each other."""
    names, places, data, nodes = b"", [], b"", []
    for name, content in files.items():
        places.append((len(names), len(data)))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        stored = struct.pack(">I", len(content)) + zlib.compress(content) if packed else content
        data += struct.pack(">I", len(stored)) + stored
    nodes.append(struct.pack(">IHII", 0, 2, len(files), 1))
    nodes += [struct.pack(">IHHHI", name, int(packed), 0, 0, place) for name, place in places]
    tree = b"".join(nodes)
    head = struct.pack(">4sIIII", b"qres", 1, 20, 20 + len(tree), 20 + len(tree) + len(data))
    return head + tree + data + names


@pytest.mark.parametrize("packed", [False, True])
def test_resource_files_are_read(packed: bool) -> None:
    files = {"README": b"Copyright: me", "画.webp": bytes(range(256))}
    assert resources(resource_file(files, packed)) == {f"/{name}": content for name, content in files.items()}


@given(st.integers(0, 200), st.integers(0, 255))
def test_broken_resource_files_are_refused_or_read_but_never_crash(place: int, value: int) -> None:
    whole = resource_file({"a.webp": b"12345", "README": b"x" * 50})
    broken = bytearray(whole)
    broken[place % len(whole)] = value
    for data in (bytes(broken), whole[: place % len(whole)]):
        try:
            resources(data)
        except BadInputError as error:
            assert "resource file" in str(error)


def test_credits_by_file() -> None:
    text = """Copyright: 2018, Timothée Somebody
License: CC-BY-SA 4.0
Files:
key.svg
night.webp

Copyright: © Nobody Known / Commons
Source: https://example.org/File:Sun.webp
License: Public Domain
Files: sun.webp

Files: 16.04/aitz_by_Me.jpg
Copyright: Me Myself, 2018
License: CC-BY-4.0"""
    found = read_credits(text)
    assert set(found) == {"night.webp", "sun.webp", "aitz_by_Me.jpg"}
    assert found["night.webp"].licence == "CC-BY-SA-4.0" and found["night.webp"].author == "Timothée Somebody"
    assert found["sun.webp"].licence == "Public domain" and found["aitz_by_Me.jpg"].licence == "CC-BY-4.0"


def webp(pixels: np.ndarray) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "WEBP", lossless=True)
    return memory.getvalue()


def test_a_jigsaw_is_put_together_without_its_rim() -> None:
    whole = np.random.default_rng(0).integers(0, 256, (80, 120, 3)).astype(np.uint8)
    halves = {(0.25, 0.5): webp(whole[:, :60]), (0.75, 0.5): webp(whole[:, 60:])}
    assert np.array_equal(put_together(halves, 120, 80), whole[4:-4, 4:-4])


def deb(folder: Path, name: str, files: dict[str, bytes]) -> None:
    root = folder / "root"
    for path, content in {**files, "DEBIAN/control": CONTROL.format(name=name).encode()}.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    subprocess.run(["dpkg-deb", "-b", str(root), str(folder / f"{name}_1_all.deb")], check=True, capture_output=True)
    shutil.rmtree(root)


CONTROL = "Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\nDescription: test\n"
WAVE = "katsushika-hokusai-a-wave-1830"
BOARD = """instruction: qsTr("Katsushika Hokusai, A Wave - 1830")
{ "pixmapfile" : "image/bg.svg", "width": 120, "height": 80 },
{ "pixmapfile" : "image/wave.webp",
  "x" : "0.5", "y" : "0.5" }"""


@pytest.mark.skipif(not shutil.which("dpkg-deb") or not shutil.which("apt-get"), reason="needs Debian's tools")
def test_the_set_is_built_from_packages_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DANQING_HOME", str(tmp_path / "home"))
    rng = np.random.default_rng(0)
    free, alike, tiny = (rng.integers(0, 256, (side, 600, 3)).astype(np.uint8) for side in (400, 500, 30))
    credits = (
        b"Copyright: A\nLicense: CC0-1.0\nFiles:\nfree.webp\n\nCopyright: B\nLicense: CC-BY-SA 4.0\nFiles: alike.webp"
    )
    photos = resource_file({"README": credits, "free.webp": webp(free), "alike.webp": webp(alike), "bad.webp": b""})
    paintings = resource_file(
        {"resource/board/board1.qml": BOARD.encode(), "resource/image/wave.webp": webp(tiny[:, :100])}
    )
    rcc = "usr/share/gcompris-qt/rcc/"
    deb(tmp_path, "gcompris-qt-data", {f"{rcc}erase.rcc": photos, f"{rcc}paintings.rcc": paintings})
    licence = b"Files: 16.04/a_by_B.jpg\nCopyright: B\nLicense: CC-BY-4.0\n"
    with io.BytesIO() as memory:
        Image.fromarray(rng.integers(0, 256, (1500, 2000, 3)).astype(np.uint8)).save(memory, "JPEG")
        deb(tmp_path, "lomiri-wallpapers-16.04", {
            "usr/share/backgrounds/a_by_B.jpg": memory.getvalue(), "usr/share/doc/x/copyright": licence,
        })  # fmt: skip
    messages = [progress.message for progress in build(tmp_path / "cache", tmp_path)]
    assert messages[-1] == "2 photos and 1 paintings."
    rows = [line.split("\t") for line in (studies_folder() / "sources.tsv").read_text().splitlines()]
    assert {row[0]: row[1] for row in rows[1:]} == {
        "photos/erase-free.png": "CC0-1.0", "photos/lomiri-a_by_B.png": "CC-BY-4.0",
        f"paintings/{WAVE}.png": "Public domain",
    }  # fmt: skip
    assert rows[2][2] == "Katsushika Hokusai" or rows[1][2] == "Katsushika Hokusai"
    assert read(studies_folder() / PHOTOS / "lomiri-a_by_B.png").shape == (768, 1024, 3)
    assert np.array_equal(read(studies_folder() / PAINTINGS / f"{WAVE}.png"), tiny[4:-4, 4:96])
    before = sorted(studies_folder().rglob("*"))
    (tmp_path / "lomiri-wallpapers-16.04_1_all.deb").write_bytes(b"no package")
    with pytest.raises(NotFoundError, match="delete it"):
        list(build(tmp_path / "cache", tmp_path))
    assert sorted(studies_folder().rglob("*")) == before and not list((tmp_path / "home" / "data").glob(".studies-*"))
