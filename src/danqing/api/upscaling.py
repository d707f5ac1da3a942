"""A picture, larger."""

from dataclasses import replace

from danqing.api.enlarging import enlarge
from danqing.api.materials import Source, material
from danqing.errors import UsageError
from danqing.images.alpha import premultiplied, straight
from danqing.images.writing import pixels_sha256
from danqing.limits import SIZES
from danqing.types import Picture, Recipe
from danqing.version import __version__

LARGEST = 4096
"""side in pixels"""


def upscale(picture: Source, size: int = SIZES[-1]) -> Picture:
    """The picture with a longer side of `size` pixels, by the network that knows how drawings look when they are large.

    Its recipe names the sha256 of the pixels it was made from. A picture that Danqing painted is better painted again
    with a larger `size`. Raises UsageError, NotFoundError, BadInputError.
    """
    given = material(picture)
    longest = max(given.size)
    if not longest < size <= LARGEST:
        raise UsageError(f"{longest} px cannot become {size} px; choose more than it has, at most {LARGEST:,}.")
    width, height = (max(1, round(side * size / longest)) for side in given.size)
    made = straight(enlarge(premultiplied(given.rgba), (width, height)))
    pixels = made if made[..., 3].min() < 255 else made[..., :3].copy()
    known = picture.recipe if isinstance(picture, Picture) else Recipe("upscaler", "", "upscale", 0, (width, height))
    extra = {"size": size, "inputs": {"picture": pixels_sha256(given.rgba)}}
    recipe = replace(
        known, model="upscaler", model_hash="", family="upscale", size=(width, height), extra=extra, version=__version__
    )
    return Picture(pixels, recipe)
