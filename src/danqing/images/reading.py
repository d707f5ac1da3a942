"""A file of any common kind -> (H, W, 3) uint8. Judged by content, never by name; checked before it is decoded."""

from __future__ import annotations

import io
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageCms, ImageOps

from danqing.errors import BadInputError, NotFoundError
from danqing.images.resizing import colour

Source = Path | str | bytes | BinaryIO
"""a path, the bytes of a file, or a binary file that is open"""
Opened = Image.Image
"""what Pillow has opened already"""


@dataclass(frozen=True)
class Limits:
    """What is refused unread."""

    pixels: int = 64_000_000
    """width x height; 64 Mpx decode to about 200 MB"""
    file_bytes: int = 200_000_000
    archive_bytes: int = 20_000_000_000
    """all files of a zip together, unpacked"""
    formats: tuple[str, ...] = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
    """Pillow's names"""


class BadPictureError(BadInputError):
    """A file that is no usable picture; `reason` is the short form that data sets count by."""

    def __init__(self, name: str, reason: str, advice: str) -> None:
        super().__init__(f"{name}: {reason}; {advice}.")
        self.reason = reason


def read(
    source: Source | Opened, limits: Limits = Limits(), background: str = "white", at_least: int | None = None
) -> np.ndarray:
    """The picture upright as (H, W, 3) uint8: first frame, alpha composed over `background`, 16 bits scaled to 8.

    `at_least`: a JPEG may be decoded at 1/2, 1/4 or 1/8 so long as no side falls below it (fast thumbnails).
    Raises NotFoundError, or BadPictureError (a BadInputError) with the file's name.
    """
    rgba = _decoded(source, limits, at_least)
    if rgba.mode == "RGB":
        return np.array(rgba)
    ground = Image.new("RGBA", rgba.size, (*colour(background), 255))
    return np.array(Image.alpha_composite(ground, rgba).convert("RGB"))


def read_rgba(source: Source | Opened, limits: Limits = Limits()) -> np.ndarray:
    """The same, (H, W, 4) uint8, alpha kept and not premultiplied."""
    return np.array(_decoded(source, limits, None).convert("RGBA"))


def measure(source: Source, limits: Limits = Limits()) -> tuple[int, int]:
    """(width, height) from the header, before any rotation; raises as `read` does."""
    name, data = _bytes(source, limits)
    with _opened(name, data, limits) as picture:
        return picture.size


def _decoded(source: Source | Opened, limits: Limits, at_least: int | None) -> Image.Image:
    """RGB, or RGBA where anything is transparent."""
    if isinstance(source, Opened):
        return _upright("The picture", _within(source, "The picture", limits))
    name, data = _bytes(source, limits)
    with _opened(name, data, limits) as picture:
        if at_least is not None:
            picture.draft(None, (at_least, at_least))
        return _upright(name, picture)


def _upright(name: str, picture: Image.Image) -> Image.Image:
    try:
        picture.load()
        return _coloured(ImageOps.exif_transpose(picture))
    except Exception as error:  # decoders meet hostile bytes here and raise nearly anything
        advice = f"the decoder says '{str(error).rstrip('.')}', so save or download it anew"
        raise BadPictureError(name, "the picture is broken or cut off", advice) from error


def _within(picture: Image.Image, name: str, limits: Limits) -> Image.Image:
    """A picture with some pixels, and not too many."""
    if picture.width * picture.height > limits.pixels:
        raise _too_many(name, limits, f" ({picture.width} x {picture.height})")
    if not picture.width * picture.height:
        raise BadPictureError(name, "the picture has no pixels", "give another")
    return picture


def _bytes(source: Source, limits: Limits) -> tuple[str, bytes]:
    """The name for errors, and the whole file, at most `limits.file_bytes`."""
    if isinstance(source, bytes):
        name, data = "The picture", source[: limits.file_bytes + 1]
    elif isinstance(source, (str, Path)):
        name, data = str(source), _file(Path(source), limits)
    else:
        name, data = str(getattr(source, "name", "The picture")), source.read(limits.file_bytes + 1)
    if not data:
        raise BadPictureError(name, "the file is empty", "save or download it anew")
    if len(data) > limits.file_bytes:
        raise BadPictureError(name, f"the file is larger than {limits.file_bytes / 1e6:.0f} MB", "make it smaller")
    return name, data


def _file(path: Path, limits: Limits) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.file_bytes + 1)
    except FileNotFoundError:
        raise NotFoundError(f"There is no file {path}; check the name.") from None
    except OSError as error:
        raise BadPictureError(str(path), "the file cannot be read", f"the system says '{error.strerror}'") from None


_filters = threading.Lock()  # warnings.catch_warnings changes the whole process; one thread at a time


def _opened(name: str, data: bytes, limits: Limits) -> Image.Image:
    """The picture with its header read and its size within the limit; not decoded yet."""
    try:
        with _filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the limit below is ours
            picture = Image.open(io.BytesIO(data), formats=limits.formats)
    except Image.DecompressionBombError:
        raise _too_many(name, limits) from None
    except Exception as error:
        advice = f"{', '.join(limits.formats)} are read, whatever the file is called"
        raise BadPictureError(name, "the content is no picture", advice) from error
    try:
        return _within(picture, name, limits)
    except BadPictureError:
        picture.close()
        raise


def _too_many(name: str, limits: Limits, size: str = "") -> BadPictureError:
    reason = f"the picture has more than {limits.pixels / 1e6:g} million pixels"
    return BadPictureError(name, reason, f"make it smaller{size}")


def _coloured(picture: Image.Image) -> Image.Image:
    """Any mode -> RGB, or RGBA where the file has transparency."""
    if picture.mode.startswith("I") or picture.mode == "F":
        return _deep(picture)
    if picture.mode in ("CMYK", "LAB"):
        return _managed(picture)
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _deep(picture: Image.Image) -> Image.Image:
    """Grey of 16 bits -> RGB of 8: 65535 becomes 255 by rounding x / 257, not by clipping."""
    values = np.asarray(picture)
    if picture.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError("pixels are floats or wider than 16 bits, and only 1 to 16 bits have a known white")
    return Image.fromarray(np.round(values / 257).astype(np.uint8)).convert("RGB")


def _managed(picture: Image.Image) -> Image.Image:
    """CMYK or LAB -> RGB through the picture's own ICC profile; without a usable one, Pillow's plain formula."""
    profile = picture.info.get("icc_profile")
    if not profile:
        return picture.convert("RGB")
    try:
        given = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        made = ImageCms.profileToProfile(picture, given, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return picture.convert("RGB")
    return made if made is not None else picture.convert("RGB")
