"""Whole files or none, and pictures that carry their recipe."""

import errno
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from danqing.errors import BadInputError, DiskError, MissingExtraError, UsageError
from danqing.images import (
    atomic_path,
    encode_png,
    infotext,
    pixels_sha256,
    read,
    read_recipe,
    sheet,
    write_atomic,
    write_gif,
    write_mp4,
    write_png,
)
from danqing.types import Picture, Recipe

PIXELS = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
RECIPE = Recipe("fashion", "0123456789ab", "diffusion", 7, (28, 28), "bag", "heun", 20, 1.5, "0.1", {"eta": 0.5})


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_picture_carries_its_recipe(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_png(Picture(PIXELS, RECIPE), path)
    assert np.array_equal(read(path), PIXELS)
    assert read_recipe(path) == RECIPE
    assert listed(tmp_path) == ["a.png"]
    with Image.open(path) as image:
        values = json.loads(image.info["danqing"])
        assert values["pixels_sha256"] == pixels_sha256(PIXELS)
        assert image.info["danqing"].startswith('{"extra":{"eta":0.5},"family"')
        assert image.info["parameters"] == (
            "bag\nSteps: 20, Sampler: heun, CFG scale: 1.5, Seed: 7, Size: 28x28, "
            "Model hash: 0123456789ab, Model: fashion, Version: Danqing 0.1"
        )


def test_the_same_picture_gives_the_same_bytes_and_none_of_the_machine(tmp_path: Path) -> None:
    data = encode_png(Picture(PIXELS, RECIPE))
    assert data == encode_png(Picture(PIXELS.copy(), RECIPE))
    assert b"tIME" not in data and str(tmp_path).encode() not in data


@settings(max_examples=25, deadline=None)
@given(st.text(min_size=1, max_size=20), st.integers(0, 2**63 - 1), st.floats(0, 50), st.booleans())
def test_any_recipe_comes_back(label: str, seed: int, guidance: float, alpha: bool) -> None:
    label = label.encode("utf-8", "ignore").decode()
    recipe = Recipe("m", "h", "gan", seed, (3, 2), label, guidance=guidance, extra={"中": [1, None]})
    pixels = np.zeros((2, 3, 4 if alpha else 3), np.uint8)
    assert read_recipe(io.BytesIO(encode_png(Picture(pixels, recipe)))) == recipe


def test_infotext_quotes_what_would_break_its_line() -> None:
    text = infotext(Recipe("a, b: c", "h", "gan", 1, (8, 8)))
    assert text.splitlines()[0] == "gan" and 'Model: "a, b: c"' in text and "Sampler: gan, CFG scale: 1," in text


def test_recipes_of_others(tmp_path: Path) -> None:
    path = tmp_path / "plain.png"
    Image.new("RGB", (2, 2)).save(path)
    assert read_recipe(path) is None
    later = encode_png(Picture(PIXELS, RECIPE))
    assert b'"seed":7' in later
    path.write_bytes(b"no picture")
    with pytest.raises(BadInputError, match=r"plain\.png"):
        read_recipe(path)


@pytest.mark.parametrize("text", ["{", "[1]", '{"seed": "x"}', "{}"])
def test_a_broken_recipe_is_said_to_be_broken(text: str, tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_itxt("danqing", text)
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", pnginfo=notes)
    with pytest.raises(BadInputError, match="recipe inside"):
        read_recipe(tmp_path / "a.png")


def test_unknown_keys_of_later_versions_are_passed_over(tmp_path: Path) -> None:
    from PIL.PngImagePlugin import PngInfo

    notes = PngInfo()
    notes.add_itxt("danqing", json.dumps(RECIPE.plain() | {"mood": "calm"}))
    Image.new("RGB", (2, 2)).save(tmp_path / "a.png", pnginfo=notes)
    assert read_recipe(tmp_path / "a.png") == RECIPE


@pytest.mark.parametrize("pixels", [np.zeros((2, 2), np.uint8), np.zeros((2, 2, 3)), np.zeros((0, 2, 3), np.uint8)])
def test_pixels_that_are_none(pixels: np.ndarray) -> None:
    with pytest.raises(UsageError, match="uint8"):
        encode_png(Picture(pixels, RECIPE))


def test_a_full_disk_is_one_sentence_and_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.bin"
    write_atomic(path, b"old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskError, match=r"a\.bin could not be written \(No space left on device\)"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old" and listed(tmp_path) == ["a.bin"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_that_is_full(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="No space left"), atomic_path(tmp_path / "a") as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(b"x" * 100_000)
    assert listed(tmp_path) == []


def test_no_folder_and_no_writing() -> None:
    with pytest.raises(DiskError, match="No such file"):
        write_atomic(Path("/nowhere/at/all.png"), b"x")


def test_any_exception_removes_the_temporary(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), atomic_path(tmp_path / "a") as temporary:
        temporary.write_bytes(b"half")
        raise KeyboardInterrupt
    assert listed(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_killed_in_the_middle_leaves_no_final_name(tmp_path: Path) -> None:
    code = (
        "import os, pathlib\nfrom danqing.images.writing import atomic_path\n"
        f"with atomic_path(pathlib.Path({str(tmp_path / 'a.bin')!r})) as path:\n"
        "    path.write_bytes(b'half')\n    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    (left,) = listed(tmp_path)
    assert left.endswith(".part")


def test_sheets() -> None:
    made = sheet([PIXELS] * 5, columns=3, gap=2, scale=2)
    assert made.shape == (2 * 58 + 2, 3 * 58 + 2, 3)
    assert np.array_equal(made[2:58, 2:58], PIXELS.repeat(2, 0).repeat(2, 1)) and (made[60:, -58:] == 255).all()
    assert sheet(torch.zeros(4, 1, 28, 28, dtype=torch.uint8)).shape == (2 * 86 + 2, 2 * 86 + 2, 3)
    named = sheet([PIXELS] * 4, scale=2, row_captions=["10 步", "20"], column_captions=["bag", "coat"])
    assert named.shape[0] > 118 and named.shape[1] > 118
    with pytest.raises(UsageError, match="nothing"):
        sheet([])
    with pytest.raises(UsageError, match="one size"):
        sheet([PIXELS, PIXELS[:20]])


def test_films(tmp_path: Path) -> None:
    frames = [np.full((27, 41, 3), value, np.uint8) for value in (10, 120, 240)]
    write_gif(frames, tmp_path / "a.gif", fps=10)
    with Image.open(tmp_path / "a.gif") as film:
        assert (film.n_frames, film.info["duration"], film.size) == (3, 100, (41, 27))  # type: ignore[attr-defined]
    with pytest.raises(UsageError, match="frames a second"):
        write_gif(frames, tmp_path / "b.gif", fps=0)
    with pytest.raises(UsageError, match="none"):
        write_gif([], tmp_path / "b.gif")


def test_mp4(tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    frames = [np.full((27, 41, 3), value, np.uint8) for value in (10, 120, 240)]
    write_mp4(frames, tmp_path / "a.mp4", fps=10)
    with av.open(str(tmp_path / "a.mp4")) as film:
        shown = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
    assert [frame.shape for frame in shown] == [(28, 42, 3)] * 3
    assert [round(float(frame.mean())) for frame in shown] == pytest.approx([10, 120, 240], abs=4)
    assert listed(tmp_path) == ["a.mp4"]
    with pytest.raises(DiskError):
        write_mp4(frames, tmp_path / "no" / "a.mp4")


def test_mp4_without_pyav(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match="video"):
        write_mp4([PIXELS], tmp_path / "a.mp4")
