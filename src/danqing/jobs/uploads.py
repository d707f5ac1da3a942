"""Pictures that people bring, kept under opaque names: decoded and written anew as PNG, so nothing else gets in."""

import hashlib
import io
import re
from pathlib import Path

from PIL import Image

from danqing.errors import NotFoundError, UsageError
from danqing.images.reading import read_rgba
from danqing.images.writing import write_atomic

LARGEST = 64_000_000
"""bytes"""
NAME = re.compile("[0-9a-f]{32}")


class Uploads:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, data: bytes) -> str:
        """The id of a picture; the same picture has the same id. Raises UsageError, BadInputError, DiskError."""
        if len(data) > LARGEST:
            raise UsageError(f"An upload of {len(data):,} bytes is too large; give at most {LARGEST:,}.")
        memory = io.BytesIO()
        Image.fromarray(read_rgba(data)).save(memory, "PNG", compress_level=1)
        name = hashlib.sha256(memory.getvalue()).hexdigest()[:32]
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / f"{name}.png").exists():
            write_atomic(self.folder / f"{name}.png", memory.getvalue())
        return name

    def path(self, name: str) -> Path:
        """Raises NotFoundError."""
        path = self.folder / f"{name}.png"
        if not NAME.fullmatch(name) or not path.exists():
            raise NotFoundError(f"There is no upload '{name[:40]}'; upload the picture again.")
        return path
