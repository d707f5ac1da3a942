"""danqing stylize and styles as people meet them: real pictures, masks, colours, bad input."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from danqing import api
from danqing.api import stylizing
from danqing.api.stylizing import eyes, to_tensor, within
from danqing.cli import main
from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.evaluate.shipped import efficientnet_lite0, vgg19
from danqing.evaluate.style import shapes, style_distance
from danqing.families.style.drawn import drawn
from danqing.families.style.looks import LOOKS, exemplar
from danqing.families.style.objective import tiles
from danqing.families.style.painting import MARGIN, manners, painted
from danqing.families.style.shipping import read_styler, shipped_styler
from danqing.images.films import begun, redrawn
from danqing.images.reading import read
from danqing.images.writing import recipe_inside

Ask = Callable[..., Any]
QUICK: dict[str, Any] = {"size": 48, "options": {"steps": (2,)}}


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Ask:
    def run(*words: object, code: int = 0) -> Any:
        capsys.readouterr()
        assert main([*map(str, words), "--json"]) == code
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    """(40, 64, 3) uint8: a sky, a hill and a house."""
    made = np.full((40, 64, 3), (120, 170, 230), np.uint8)
    y, x = np.mgrid[:40, :64]
    made[y > 30 - 6 * np.sin(x / 10)] = (70, 130, 60)
    made[18:32, 24:40] = (200, 80, 60)
    return made


@pytest.fixture
def file(photo: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(photo).save(tmp_path / "hill.png")
    return tmp_path / "hill.png"


def test_a_photo_in_a_manner_that_comes_with_danqing(ask: Ask, file: Path, tmp_path: Path) -> None:
    words = ("stylize", file, "mosaic", "--size", 48, "--set", "steps=[3]", "--out", tmp_path / "out")
    document = ask(*words)
    (row,) = document["pictures"]
    made = read(Path(row["file"]))
    assert made.shape == (30, 48, 3) and made.std() > 10
    recipe = recipe_inside(Path(row["file"]))
    assert recipe.family == "style" and recipe.extra["styles"] == ["mosaic"] and recipe.size == (48, 30)
    first = Path(row["file"]).read_bytes()
    assert Path(ask(*words)["pictures"][0]["file"]).read_bytes() == first


def test_styles_are_listed_and_shown(ask: Ask, tmp_path: Path) -> None:
    rows = ask("styles", "list")["styles"]
    assert {"ink", "paper-cut", "oil"} <= {row["name"] for row in rows} and all(row["zh"] for row in rows)
    sheet = ask("styles", "sheet", "--out", tmp_path / "sheet.png")["sheet"]
    with Image.open(sheet) as picture:
        assert picture.width > 1000


def test_several_styles_weights_and_masks(photo: np.ndarray) -> None:
    left = np.zeros((40, 64, 3), np.uint8)
    left[:, :32] = 255
    styles = ["pen", drawn("ink", 64)]
    mixed = api.stylize(photo, styles, weights=[2, 1], **QUICK).result()
    parted = api.stylize(photo, styles, masks=[left, 255 - left], **QUICK).result()
    assert mixed.pixels.shape == parted.pixels.shape == (30, 48, 3)
    assert (mixed.pixels != parted.pixels).any()
    assert mixed.recipe.extra["weights"] == [2, 1] and mixed.recipe.label == "pen, pixels"


@pytest.mark.parametrize("keep", ["luminance", "recolour", "histogram"])
def test_the_photos_colours_are_kept(photo: np.ndarray, keep: str) -> None:
    """The red of paper-cuts does not come into a picture of sky and grass."""
    free = api.stylize(photo, "paper-cut", size=48, options={"steps": (6,)}).result().pixels.astype(float)
    kept = api.stylize(photo, "paper-cut", size=48, keep_colours=keep, options={"steps": (6,)}).result().pixels
    wanted = photo.reshape(-1, 3).mean(0)
    assert np.abs(kept.astype(float).mean((0, 1)) - wanted).sum() < np.abs(free.mean((0, 1)) - wanted).sum()


def test_strength_and_brush_change_the_picture(photo: np.ndarray) -> None:
    weak, strong = (api.stylize(photo, "mosaic", strength=s, **QUICK).result().pixels.astype(float) for s in (0, 2))
    small = np.asarray(Image.fromarray(photo).resize((48, 30), Image.Resampling.LANCZOS), float)
    assert np.abs(weak - small).mean() < np.abs(strong - small).mean()
    fine, coarse = (api.stylize(photo, "mosaic", brush=b, **QUICK).result().pixels for b in (0.5, 2))
    assert (fine != coarse).any()


def test_transparency_stays(photo: np.ndarray) -> None:
    alpha = np.zeros((40, 64, 1), np.uint8)
    alpha[5:35, 10:50] = 255
    made = api.stylize(np.concatenate([photo, alpha], 2), "pen", size=64, options={"steps": (1,)}).result().pixels
    assert made.shape == (40, 64, 4) and (made[..., 3:] == alpha).all()


@pytest.mark.parametrize("shape", [(16, 16), (17, 90)])
def test_tiny_and_narrow_pictures(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    made = api.stylize(picture, drawn("pen", 64), options={"steps": (1, 1)}).result()
    assert made.pixels.shape == picture.shape


def test_a_picture_in_its_own_manner_stays_near_itself(photo: np.ndarray) -> None:
    made = api.stylize(photo, photo, size=64, options={"steps": (5,)}).result().pixels
    opened = Image.fromarray(photo)
    again = api.stylize(opened, [opened], size=64, options={"steps": (5,)}).result().pixels
    assert np.array_equal(made, again), "a picture of Pillow's is its pixels"
    assert np.abs(made.astype(float) - photo).mean() < 20


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16", "P", "LA"])
def test_pictures_of_other_kinds(mode: str, photo: np.ndarray, tmp_path: Path) -> None:
    suffix = "tiff" if mode in ("CMYK", "I;16") else "png"
    grey = Image.fromarray(photo).convert("L")
    image = (
        Image.fromarray(np.asarray(grey, np.uint16) * 257) if mode == "I;16" else Image.fromarray(photo).convert(mode)
    )
    image.save(tmp_path / f"x.{suffix}")
    made = api.stylize(tmp_path / f"x.{suffix}", "ink", size=32, options={"steps": (1,)}).result().pixels
    assert made.shape[:2] == (20, 32)


def test_rotated_and_animated_pictures(photo: np.ndarray, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo).save(tmp_path / "turned.jpg", exif=exif)
    frames = [Image.fromarray(photo), Image.fromarray(255 - photo)]
    frames[0].save(tmp_path / "film.gif", save_all=True, append_images=frames[1:])
    for name, shape in (("turned.jpg", (32, 20)), ("film.gif", (20, 32))):
        made = api.stylize(tmp_path / name, "ink", size=32, options={"steps": (1,)}).result()
        assert made.pixels.shape[:2] == shape


def test_bad_input_gets_one_sentence(photo: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty.png").write_bytes(b"")
    for name in ("text.png", "empty.png"):
        with pytest.raises(BadInputError, match=name):
            api.stylize(tmp_path / name, "ink", **QUICK).result()
        with pytest.raises(BadInputError, match=name):
            api.stylize(photo, tmp_path / name, **QUICK).result()
    with pytest.raises(NotFoundError):
        api.stylize(tmp_path / "nowhere.png", "ink", **QUICK).result()
    for wrong in (
        {"weights": [1, 2]},
        {"weights": [-1]},
        {"weights": [0]},
        {"masks": []},
        {"masks": [np.zeros((40, 64, 3), np.uint8)]},
        {"strength": 3},
        {"brush": 0},
        {"size": 8},
        {"options": {"stepps": 1}},
    ):
        with pytest.raises(UsageError):
            api.stylize(photo, "ink", **{**QUICK, **wrong}).result()
    with pytest.raises(UsageError, match="small"):
        api.stylize(photo[:10], "ink").result()
    with pytest.raises(NotFoundError, match="luminance"):
        api.stylize(photo, "ink", keep_colours="luminanz", **QUICK).result()


def test_a_name_that_is_neither_file_nor_manner_offers_near_ones(ask: Ask, file: Path) -> None:
    error = ask("stylize", file, "mosaik", code=3)["error"]
    assert "mosaic" in error["message"]


def test_a_folder_is_gone_on_with_and_broken_pictures_are_left_out(ask: Ask, file: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "photos", tmp_path / "out"
    folder.mkdir()
    with Image.open(file) as picture:
        for name in ("a.png", "b.jpg"):
            picture.save(folder / name)
    (folder / "c.png").write_text("no picture")
    (folder / "notes.txt").write_text("no picture either")
    words = ("stylize", folder, "mosaic", "--size", 48, "--set", "steps=[2]", "--out", out)
    first = ask(*words)
    assert [Path(row["file"]).name for row in first["pictures"]] == ["a-mosaic.png", "b-mosaic.png"]
    assert not any(row["skipped"] for row in first["pictures"])
    assert [Path(row["file"]).name for row in first["left_out"]] == ["c.png"]
    (out / "b-mosaic.png").unlink()
    before = (out / "a-mosaic.png").stat().st_mtime_ns
    assert [row["skipped"] for row in ask(*words)["pictures"]] == [True, False]
    assert (out / "a-mosaic.png").stat().st_mtime_ns == before and (out / "b-mosaic.png").exists()
    assert [row["skipped"] for row in ask(*words, "--strength", 0.5)["pictures"]] == [False, False]
    ask("stylize", tmp_path / "out2", "mosaic", code=3)
    (tmp_path / "empty").mkdir()
    ask("stylize", tmp_path / "empty", "mosaic", code=4)


@pytest.fixture
def clip(photo: np.ndarray, tmp_path: Path) -> Path:
    """Five frames with a hum."""
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as film:
        pictures, sound = film.add_stream("libx264", rate=10), film.add_stream("aac", rate=8000)
        pictures.height, pictures.width, pictures.pix_fmt, pictures.options = 40, 64, "yuv420p", {"bf": "2"}
        for i in range(5):
            hum = np.sin(np.arange(i * 820, (i + 1) * 820) / 20).astype(np.float32)[None]
            noise = av.AudioFrame.from_ndarray(hum, format="fltp", layout="mono")
            noise.sample_rate, noise.pts = 8000, i * 820
            film.mux(sound.encode(noise))  # the sound of a frame before the frame, as films have it
            film.mux(pictures.encode(av.VideoFrame.from_ndarray(np.roll(photo, i, 1), format="rgb24")))
        for stream in (sound, pictures):
            film.mux(stream.encode())
    return path


def test_a_film_keeps_its_length_its_sound_and_holds_still(ask: Ask, clip: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    words = ("stylize", clip, "mosaic", "--size", 48, "--set", "steps=[2]", "--out", tmp_path / "out")
    made = Path(ask(*words)["film"])
    assert made.name == "clip-mosaic.mp4"
    with av.open(str(made)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert len(frames) == 5 and frames[0].shape == (30, 48, 3) and film.streams.audio
    with av.open(str(made)) as film:
        assert sum(frame.samples for frame in film.decode(audio=0)) >= 4096
    (tmp_path / "no.mp4").write_text("no film")
    ask("stylize", tmp_path / "no.mp4", "mosaic", "--out", tmp_path / "out", code=4)
    ask("stylize", tmp_path / "none.mp4", "mosaic", "--out", tmp_path / "out", code=3)
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["clip-mosaic.mp4"]


def test_a_film_that_is_stopped_keeps_what_is_done(clip: Path, tmp_path: Path) -> None:
    av = pytest.importorskip("av")
    out = tmp_path / "out.mp4"
    events = iter(api.stylize_film(clip, "mosaic", out, size=48, options={"steps": [2]}))
    for _ in range(3):
        next(events)
    events.close()
    assert not out.exists() and {one.name for one in tmp_path.iterdir()} == {"clip.mp4", "out-begun.mp4"}
    with av.open(str(tmp_path / "out-begun.mp4")) as film:
        assert 3 <= len([*film.decode(video=0)]) < 5


def test_a_film_that_is_stopped_at_once_leaves_what_was_there(clip: Path, tmp_path: Path) -> None:
    pytest.importorskip("av")
    kept = begun(tmp_path / "out.mp4")
    kept.write_bytes(b"of before")

    def change(frame: np.ndarray) -> np.ndarray:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        next(redrawn(clip, tmp_path / "out.mp4", change))
    assert kept.read_bytes() == b"of before" and {one.name for one in tmp_path.iterdir()} == {"clip.mp4", kept.name}


# The fast engine that ships.

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def castle() -> np.ndarray:
    return np.asarray(Image.fromarray(read(EXAMPLES / "castle.jpg")).resize((192, 128)))


def to_model(pixels: np.ndarray) -> torch.Tensor:
    return to_tensor(np.ascontiguousarray(pixels[..., :3]))


@pytest.mark.parametrize("look", sorted(LOOKS))
def test_the_shipped_engine_brings_a_photo_nearer_to_the_manner_and_keeps_what_is_there(
    castle: np.ndarray, look: str
) -> None:
    """Closer to the style, judged by a network that no engine learned from; the castle is still where it was."""
    made = api.stylize(castle, look, size=None).result()
    assert made.recipe.sampler == "fast" and made.recipe.steps == 1
    style = to_model(exemplar(look, 192))
    before, after = (style_distance(efficientnet_lite0(), to_model(one), style) for one in (castle, made.pixels))
    assert after < before
    assert shapes(vgg19(), to_model(castle), to_model(made.pixels)) < 1.6  # 2 for unrelated pictures


def test_a_styles_file_is_read_once_and_anew_when_it_has_changed(
    castle: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    style, reads = tmp_path / "style.png", []
    original = stylizing.pixels_of
    monkeypatch.setattr(stylizing, "pixels_of", lambda look: reads.append(isinstance(look, Path)) or original(look))

    def made() -> np.ndarray:
        return api.stylize(castle, style, size=64).result().pixels

    Image.fromarray(exemplar("ink", 64)).save(style)
    first = made()
    assert (made() == first).all() and sum(reads) == 1
    Image.fromarray(exemplar("mosaic", 80)).save(style)
    assert (made() != first).any() and sum(reads) == 2


def test_strength_brush_and_seed_of_the_fast_engine(castle: np.ndarray) -> None:
    far = {
        s: np.abs(api.stylize(castle, "mosaic", size=None, strength=s).result().pixels - castle.astype(float)).mean()
        for s in (0.0, 0.5, 1.0)
    }
    assert far[0.0] < far[0.5] < far[1.0]
    fine, coarse = (api.stylize(castle, "mosaic", size=None, brush=b).result().pixels for b in (0.5, 2))
    assert (fine != coarse).any()
    one, again = (api.stylize(castle, "ink", size=None, seed=3).result().pixels for _ in range(2))
    assert np.array_equal(one, again)
    mixed = api.stylize(castle, ["ink", "mosaic"], size=None, weights=[1, 3]).result().pixels
    assert all((mixed != api.stylize(castle, look, size=None).result().pixels).any() for look in ("ink", "mosaic"))


@pytest.mark.parametrize("shape", [(16, 16), (16, 300), (301, 17)])
def test_the_fast_engine_paints_tiny_and_narrow_pictures(castle: np.ndarray, shape: tuple[int, int]) -> None:
    picture = np.asarray(Image.fromarray(castle).resize(shape[::-1]))
    made = api.stylize(picture, "oil", size=None).result().pixels
    assert made.shape == (*shape, 3) and np.isfinite(made).all()


def test_grey_transparent_and_its_own_style_in_one_pass(castle: np.ndarray) -> None:
    grey = np.repeat(castle.mean(2, keepdims=True), 3, 2).astype(np.uint8)
    assert api.stylize(grey, "watercolour", size=None).result().pixels.shape == castle.shape
    alpha = np.full((128, 192, 1), 255, np.uint8)
    alpha[:, :50] = 0
    made = api.stylize(np.concatenate([castle, alpha], 2), "pen", size=None).result().pixels
    assert np.array_equal(made[..., 3:], alpha)
    own = api.stylize(castle, castle, size=None).result().pixels.astype(float)
    other = api.stylize(castle, "stained-glass", size=None).result().pixels.astype(float)
    assert np.abs(own - castle).mean() < 0.7 * np.abs(other - castle).mean()


def test_what_is_clear_leaves_no_rim_when_a_picture_is_made_smaller(castle: np.ndarray) -> None:
    """What stands behind full transparency, black or the disc's own, is not seen; a mirrored array is one as any."""
    rows, columns = np.mgrid[:256, :256]
    disc = (((rows - 128) ** 2 + (columns - 128) ** 2) < 90**2)[..., None]
    white, black = np.full((256, 256, 3), 250, np.uint8), np.zeros((256, 256, 3), np.uint8)
    alpha = np.where(disc, 255, 0).astype(np.uint8)
    ways = [np.concatenate([np.where(disc, white, behind), alpha], 2) for behind in (white, black)]
    one, other = (api.stylize(way, "watercolour", size=96).result().pixels for way in ways)
    assert one.shape == (96, 96, 4) and np.array_equal(one, other)
    small = api.stylize(castle[:, ::-1], "watercolour", size=96).result().pixels
    assert np.array_equal(small, api.stylize(castle[:, ::-1].copy(), "watercolour", size=96).result().pixels)


def test_shrinking_is_pillows_to_a_level_or_two(castle: np.ndarray) -> None:
    wanted = np.asarray(Image.fromarray(castle).resize((96, 64), Image.Resampling.BICUBIC)).astype(int)
    assert np.abs(within(castle, 96).astype(int) - wanted).max() <= 2


def test_a_style_whose_file_was_changed_is_read_anew(castle: np.ndarray, tmp_path: Path) -> None:
    style = tmp_path / "style.png"
    Image.fromarray(castle).save(style)
    first = api.stylize(castle, style, size=96).result().pixels
    Image.fromarray(255 - castle).save(style)
    assert not np.array_equal(first, api.stylize(castle, style, size=96).result().pixels)


def test_tiles_of_the_shipped_engine_meet_without_a_seam(castle: np.ndarray) -> None:
    """Across the edges of tiles the picture changes no more than everywhere else."""
    painter, _ = read_styler(shipped_styler())
    photo = to_model(np.asarray(Image.fromarray(castle).resize((720, 480))))
    manner = F.pad(manners(painter, eyes("max"), [to_model(exemplar("oil", 480))])[0], (0, painter.shifts))
    with torch.no_grad():
        made = painted(painter, photo, manner, torch.zeros(1, painter.config.noise, 300, 420), tile=384)
    edges = sorted({one.inner[2] for one in tiles((480, 720), 384, MARGIN) if one.inner[2]})
    steps = made.diff(dim=2).abs().mean((0, 1))
    assert edges and all(steps[edge - 1] < 1.5 * steps.median() for edge in edges)
