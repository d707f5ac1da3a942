"""Files and arrays: reading pictures of any kind, writing them with their recipe, resizing, sheets and films.

`danqing.images.arrays` (tensors) is imported by its own name, so that the rest works without importing torch.
"""

from danqing.images.films import write_gif, write_mp4
from danqing.images.reading import BadPictureError, Limits, measure, read, read_rgba
from danqing.images.resizing import fit_square
from danqing.images.sheets import sheet
from danqing.images.tracing import to_svg
from danqing.images.writing import (
    atomic_path,
    encode_png,
    infotext,
    pixels_sha256,
    read_recipe,
    write_atomic,
    write_png,
)

__all__ = [
    "BadPictureError",
    "Limits",
    "atomic_path",
    "encode_png",
    "fit_square",
    "infotext",
    "measure",
    "pixels_sha256",
    "read",
    "read_recipe",
    "read_rgba",
    "sheet",
    "to_svg",
    "write_atomic",
    "write_gif",
    "write_mp4",
    "write_png",
]
