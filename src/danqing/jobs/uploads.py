"""Pictures that people bring, kept under opaque names: decoded and written anew as PNG, so nothing else gets in."""

import hashlib
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from PIL import Image

from danqing.errors import BadInputError, NotFoundError, UsageError
from danqing.images.reading import read_rgba
from danqing.images.writing import PARAMETERS_KEY, read_recipe, write_atomic
from danqing.jobs.helper import Helper, serve

LARGEST = 64_000_000
"""bytes"""
NAME = re.compile("[0-9a-f]{32}")


PATIENCE = 10.0
"""seconds that a picture may take to be decoded"""
MEMORY = 1_500_000_000
"""bytes of address space of the process that decodes"""


def rewritten(data: bytes) -> bytes:
    """Any picture as a PNG of its pixels alone. Raises BadInputError."""
    memory = io.BytesIO()
    Image.fromarray(read_rgba(data)).save(memory, "PNG", compress_level=1)
    return memory.getvalue()


def inspected(data: bytes) -> bytes:
    """JSON of the recipe (or null) and the infotext that a PNG holds. Raises BadInputError."""
    recipe = read_recipe(io.BytesIO(data))
    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        words = str(image.info.get(PARAMETERS_KEY, ""))
    return json.dumps({"recipe": recipe.plain() if recipe else None, "parameters": words}).encode()


READINGS = {"rewrite": rewritten, "inspect": inspected}


def reading(how: str, data: bytes) -> bytes:
    return READINGS[how](data)


def decoder() -> Helper:
    """Asked with "rewrite" or "inspect" and a file. In a process of its own with little memory: what a broken file
    breaks is not the server."""
    return Helper(
        decodings, PATIENCE, BadInputError("The picture broke the program that was to read it; give another.")
    )


def decodings(pipe: Connection) -> None:
    with suppress(ImportError, ValueError, OSError):  # systems that know no such limit
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    serve(pipe, reading)


class Uploads:
    def __init__(self, folder: Path, rewrite: Callable[[bytes], bytes] = rewritten) -> None:
        self.folder, self.rewrite = folder, rewrite

    def put(self, data: bytes) -> str:
        """The id of a picture; the same picture has the same id. Raises UsageError, BadInputError, DiskError."""
        if len(data) > LARGEST:
            raise UsageError(f"An upload of {len(data):,} bytes is too large; give at most {LARGEST:,}.")
        png = self.rewrite(data)
        name = hashlib.sha256(png).hexdigest()[:32]
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / f"{name}.png").exists():
            write_atomic(self.folder / f"{name}.png", png)
        return name

    def path(self, name: str) -> Path:
        """Raises NotFoundError."""
        path = self.folder / f"{name}.png"
        if not NAME.fullmatch(name) or not path.exists():
            raise NotFoundError(f"There is no upload '{name[:40]}'; upload the picture again.")
        return path
