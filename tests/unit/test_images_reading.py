"""Reading through the public door: every good kind gives upright RGB, every bad file one sentence with its name."""

import contextlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageCms

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.images import Limits, fit_square, measure, read, read_rgba
from danqing.images.arrays import to_arrays, to_float, to_floats, to_grey, to_rgb, to_uint8
from danqing.images.reading import BadPictureError


def noisy(height: int = 20, width: int = 30, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    memory = io.BytesIO()
    image.save(memory, kind, **options)
    return memory.getvalue()


def png(width: int, height: int, bits: int, kind: int, rows: bytes) -> bytes:
    """A PNG by hand, also such as Pillow would not write."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "WEBP", "GIF", "JPEG"])
def test_every_format_is_known_by_content(kind: str, tmp_path: Path) -> None:
    image = Image.new("RGB", (30, 20), (200, 10, 60))
    path = tmp_path / "picture.txt"
    path.write_bytes(saved(image, kind, **({"lossless": True} if kind == "WEBP" else {})))
    pixels = read(path)
    assert pixels.shape == (20, 30, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - (200, 10, 60)).max() <= 2
    assert measure(path) == (30, 20)
    with path.open("rb") as file:
        assert np.array_equal(read(file), pixels)


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_first_frame_of_a_film(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)
    assert (np.abs(read(data).astype(int) - (255, 0, 0)) < 3).all()


def test_photos_are_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = noisy()
    pixels = read(saved(image, "PNG", exif=exif))
    assert np.array_equal(pixels, np.rot90(np.array(image), -1))


def test_alpha_is_composed_over_the_background_and_kept_when_asked() -> None:
    image = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    image.putpixel((1, 0), (255, 0, 0, 255))
    data = saved(image, "PNG")
    assert read(data).tolist() == [[[255, 255, 255], [255, 0, 0]]]
    assert read(data, background="#0000ff").tolist() == [[[0, 0, 255], [255, 0, 0]]]
    assert read_rgba(data).tolist() == [[[255, 0, 0, 0], [255, 0, 0, 255]]]
    with pytest.raises(UsageError, match="no colour"):
        read(data, background="colourless")


def test_palette_with_transparency() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.putpixel((1, 0), 1)
    assert read(saved(image, "PNG", transparency=0)).tolist() == [[[255, 255, 255], [0, 255, 0]]]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_16_bit_grey_is_scaled_not_clipped(kind: str) -> None:
    values = np.array([[0, 257, 32896, 65535]], dtype=np.uint16)
    assert read(saved(Image.fromarray(values), kind))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_16_bit_colour() -> None:
    assert read(png(1, 1, 16, 2, b"\0" + struct.pack(">HHH", 65535, 32896, 0))).tolist() == [[[255, 128, 0]]]


def test_a_photo_can_be_decoded_small_and_with_its_burst() -> None:
    data = saved(Image.new("RGB", (512, 800), "teal"), "JPEG")
    assert read(data, at_least=100).shape == (200, 128, 3) and read(data).shape == (800, 512, 3)
    burst = saved(noisy(), "MPO", save_all=True, append_images=[noisy(seed=1)])
    assert read(burst).shape == (20, 30, 3)


def test_1_bit_and_grey_with_alpha() -> None:
    assert read(saved(Image.new("1", (2, 2), 1), "PNG")).min() == 255
    assert read(saved(Image.new("LA", (2, 2), (7, 255)), "PNG")).tolist() == [[[7, 7, 7]] * 2] * 2


def test_cmyk_with_and_without_profile() -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    red, green, blue = read(saved(image, "TIFF"))[0, 0].tolist()
    assert red > 200 and green < 60 and blue < 60
    foreign = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()  # of RGB: not usable here
    assert read(saved(image, "TIFF", icc_profile=foreign)).shape == (8, 8, 3)


def test_float_pixels_are_refused() -> None:
    with pytest.raises(BadInputError, match="floats"):
        read(saved(Image.new("F", (4, 4), 0.5), "TIFF"))


def bad_files() -> dict[str, bytes]:
    whole = {kind: saved(noisy(64, 64), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF")}
    cut = {f"cut {kind}": data[: len(data) // 2] for kind, data in whole.items()}
    return cut | {
        "empty": b"",
        "text": b"I am no picture at all.",
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "header only": whole["PNG"][:33],
        "wrong checksum": whole["PNG"][:60] + b"\xff\xff" + whole["PNG"][62:],
        "icns": b"icns" + b"\0" * 60,
    }


@pytest.mark.parametrize("name", bad_files())
def test_bad_files_give_one_sentence_with_their_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.png"
    path.write_bytes(bad_files()[name])
    with pytest.raises(BadInputError) as error:
        read(path)
    assert "bad.png" in str(error.value) and "\n" not in str(error.value) and str(error.value).endswith(".")


def test_a_picture_of_30000_by_30000_is_refused_from_its_header(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png(30_000, 30_000, 1, 0, bytes(3751 * 30_000)))
    with pytest.raises(BadInputError, match=r"huge\.png: .*64 million pixels"):
        read(path)
    with pytest.raises(BadInputError, match="million pixels"):
        measure(saved(noisy(), "PNG"), Limits(pixels=599))
    with pytest.raises(BadInputError, match="larger than"):
        read(saved(noisy(), "PNG"), Limits(file_bytes=100))


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"none\.png"):
        read(tmp_path / "none.png")
    with pytest.raises(BadInputError, match="cannot be read"):
        read(tmp_path)


@settings(deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"]), st.integers(0, 200))
def test_damaged_bytes_are_read_or_refused_but_never_crash(damage: bytes, kind: str, place: int) -> None:
    data = saved(noisy(9, 9), kind)
    with contextlib.suppress(BadInputError):
        assert read(data[:place] + damage + data[place + len(damage) :]).ndim == 3


@settings(deadline=None)
@given(arrays(np.uint8, (2, 3, 4, 5)))
def test_bytes_survive_the_way_to_floats_and_back(pixels: np.ndarray) -> None:
    x = torch.from_numpy(pixels)
    y = to_float(x)
    assert y.dtype == torch.float32 and y.min() >= -1 and y.max() <= 1
    assert torch.equal(to_uint8(y), x)
    assert np.array_equal(to_floats(pixels), y.numpy())


def test_arrays_clamp_and_mind_their_types() -> None:
    assert to_uint8(torch.tensor([-9.0, -1.0, 0.0, 1.0, 9.0])).tolist() == [0, 0, 128, 255, 255]
    with pytest.raises(UsageError, match="uint8"):
        to_float(torch.zeros(1))
    with pytest.raises(UsageError, match="floats"):
        to_uint8(torch.zeros(1, dtype=torch.uint8))


def test_grey_is_pillows_grey() -> None:
    image = noisy(8, 8)
    x = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]
    expected = torch.from_numpy(np.array(image.convert("L")))
    assert (to_grey(x)[0, 0].int() - expected.int()).abs().max() <= 1
    assert torch.equal(to_grey(to_rgb(x[:, :1])), x[:, :1])
    assert to_arrays(to_float(x)).shape == (1, 8, 8, 3)


@pytest.mark.parametrize("shape", [(10, 30), (30, 10, 1), (31, 17, 3), (1, 50, 3)])
@pytest.mark.parametrize("how", ["crop", "pad", "stretch"])
def test_fit_square(shape: tuple[int, ...], how: str) -> None:
    made = fit_square(np.full(shape, 90, np.uint8), 16, how, "black")
    assert made.shape == (16, 16, *shape[2:]) and made.max() == 90
    assert (made.min() == 0) == (how == "pad")


def test_fit_square_crops_the_middle_and_says_what_it_cannot() -> None:
    pixels = np.zeros((4, 12, 3), np.uint8)
    pixels[:, 4:8] = 255
    assert fit_square(pixels, 4).min() == 255
    with pytest.raises(UsageError, match="crop"):
        fit_square(pixels, 4, "cropp")
    with pytest.raises(UsageError, match="size of 0"):
        fit_square(pixels, 0)


def test_pictures_that_pillow_has_opened_meet_the_same_checks() -> None:
    pixels = np.arange(4800, dtype=np.uint8).reshape(40, 40, 3)
    assert np.array_equal(read(Image.fromarray(pixels)), pixels)
    cut = io.BytesIO()
    Image.fromarray(pixels).save(cut, "png")
    broken = Image.open(io.BytesIO(cut.getvalue()[:200]))
    for bad in (broken, Image.new("RGB", (0, 5)), Image.new("F", (4, 4), 0.5)):
        with pytest.raises(BadPictureError):
            read(bad)
    with pytest.raises(BadPictureError, match="million pixels"):
        read(Image.new("L", (200, 200)), Limits(pixels=1000))
