"""Whole files or none: pictures with their recipe inside, and the atomic writing that everything else uses too."""

from __future__ import annotations

import hashlib
import io
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, PngImagePlugin

from danqing import settings
from danqing.errors import BadInputError, DiskError, NotFoundError, UsageError
from danqing.images.reading import Limits
from danqing.types import Picture, Recipe

RECIPE_KEY = "danqing"
PARAMETERS_KEY = "parameters"
COMPRESSION = 6
"""zlib's level for PNG; 9 is three times slower for one percent"""


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary path in the same folder, to be written inside the `with`; renamed to `path` only when all went well.

    The file is synced before the rename. On any exception the temporary is removed and `path` is as it was; an OSError
    (full disk, no permission, no folder) becomes a DiskError.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        reason = error.strerror or str(error)
        raise DiskError(f"{path} could not be written ({reason}); free space or choose another place.") from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_atomic(path: Path, data: bytes) -> None:
    """The whole of `data` under the name `path`, or nothing; raises DiskError."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_png(picture: Picture, path: Path) -> None:
    """A PNG with its recipe inside, atomically. The same picture gives the same bytes. Raises DiskError."""
    write_atomic(path, encode_png(picture))


def write_array(pixels: np.ndarray, path: Path) -> None:
    """A plain PNG without a recipe (sheets, plots), atomically; (H, W, 3) uint8. Raises DiskError."""
    write_atomic(path, encode_array(pixels))


def encode_array(pixels: np.ndarray) -> bytes:
    """The bytes of a plain PNG; (H, W, 3) uint8."""
    memory = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(memory, "PNG", compress_level=COMPRESSION)
    return memory.getvalue()


def encode_png(picture: Picture) -> bytes:
    """The bytes of the PNG: pixels, the recipe as canonical JSON ('danqing') and as infotext ('parameters')."""
    check_pixels(picture.pixels)
    notes = PngImagePlugin.PngInfo()
    notes.add_itxt(RECIPE_KEY, recipe_json(picture))
    notes.add_text(PARAMETERS_KEY, infotext(picture.recipe))  # tEXt, or iTXt where Latin-1 does not do
    memory = io.BytesIO()
    image = Image.fromarray(np.ascontiguousarray(picture.pixels))
    image.save(memory, "PNG", pnginfo=notes, compress_level=COMPRESSION)
    return memory.getvalue()


def check_pixels(pixels: np.ndarray) -> None:
    """UsageError unless (H, W, 3 | 4) uint8 with at least one pixel."""
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or 0 in pixels.shape:
        raise UsageError(f"Pixels {pixels.dtype} {pixels.shape} cannot be written; give uint8 (H, W, 3) or (H, W, 4).")


def pixels_sha256(pixels: np.ndarray) -> str:
    """sha256 over the shape and the bytes of (H, W, C) uint8."""
    shape = "x".join(map(str, pixels.shape)).encode()
    return hashlib.sha256(shape + b"/" + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def recipe_json(picture: Picture) -> str:
    """Canonical: sorted keys, no spaces, UTF-8, with the hash of the pixels."""
    values = picture.recipe.plain() | {"pixels_sha256": pixels_sha256(picture.pixels)}
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def infotext(recipe: Recipe) -> str:
    """The text that AUTOMATIC1111 writes and other tools read: what was asked for, then one line of settings.

    Settings that only some pictures have keep the names they have there (Denoising strength, Tiling).
    """
    extra = recipe.extra
    values = {
        "Steps": recipe.steps,
        "Sampler": recipe.sampler or recipe.family,
        "CFG scale": f"{recipe.guidance:g}",
        "Seed": recipe.seed,
        "Size": f"{recipe.size[0]}x{recipe.size[1]}",
        "Model hash": recipe.model_hash,
        "Model": recipe.model,
        "Denoising strength": extra.get("strength", ""),
        "Tiling": extra.get("tile") or "",
        "Style": extra.get("drawn_as", ""),
        "Version": f"Danqing {recipe.version}".strip(),
    }
    line = ", ".join(f"{key}: {_quoted(value)}" for key, value in values.items() if value != "")
    asked = recipe.prompt if recipe.prompt is not None else recipe.label or recipe.family
    negative = f"Negative prompt: {recipe.negative}\n" if recipe.negative else ""
    return f"{asked}\n{negative}{line}"


def _quoted(value: Any) -> str:
    """A value that would break the line of settings becomes a JSON string."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(mark in text for mark in ",:\n") else text


def read_recipe(path: Path | BinaryIO) -> Recipe | None:
    """The recipe inside a PNG (a path or an open file); None where the picture has none.

    Raises BadInputError when the file or the recipe is broken.
    Keys that this version does not know are passed over, so that pictures of later versions can be read.
    """
    text = _note(path)
    if text is None:
        return None
    known = {field.name for field in fields(Recipe)}
    try:
        values = json.loads(text)
        return settings.read(Recipe, {key: value for key, value in values.items() if key in known})
    except (ValueError, AttributeError, UsageError) as error:
        raise BadInputError(f"The recipe inside {path} is broken ({error}); the picture itself may be fine.") from None


def recipe_inside(path: Path) -> Recipe:
    """The recipe inside a PNG file; NotFoundError without the file, BadInputError where it holds none."""
    if not path.is_file():
        raise NotFoundError(f"There is no picture {path}; check the path.")
    recipe = read_recipe(path)
    if recipe is None:
        raise BadInputError(f"{path} holds no recipe of Danqing; give a PNG that Danqing made.")
    return recipe


def _note(path: Path | BinaryIO) -> str | None:
    """The text of the 'danqing' chunk; the pixels are not decoded when it stands before them, as it does here."""
    try:
        with Image.open(path, formats=Limits().formats) as image:
            if image.width * image.height > Limits().pixels:
                raise BadInputError(f"{path} has more than {Limits().pixels / 1e6:g} million pixels; it is not opened.")
            if image.format == "PNG" and RECIPE_KEY not in image.info:
                image.load()
            found = image.info.get(RECIPE_KEY)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise BadInputError(f"{path} cannot be read as a picture ({error}); check the file.") from None
    return None if found is None else str(found)


def _sync(path: Path) -> None:
    with path.open("rb+") as file:
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Make the new name itself durable; Windows cannot open folders and needs it not."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
