"""What can be a job: named functions from plain wishes to files, through the api.

    @kind("mine", wishes=("words",), pictures=("photo",))
    def mine(wishes, uploads): ...  # yields Progress, returns {name: bytes}

Pictures that a job needs are named by the ids of uploads, never by paths.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeVar

from danqing import api, settings
from danqing.errors import UsageError
from danqing.images.writing import encode_png
from danqing.jobs.uploads import Uploads
from danqing.registry import register
from danqing.types import Picture, Progress

Files = Mapping[str, bytes]
R = TypeVar("R")
Kind = Callable[[Mapping[str, Any], Uploads], Generator[Progress, None, Files]]


PAINTING = ("n", "seed", "style", "steps", "guidance", "negative", "size", "transparent", "chaos")
STYLIZING = ("weights", "strength", "keep_colours", "brush", "size", "engine", "seed")


def kind(name: str, wishes: Sequence[str], pictures: Sequence[str] = ()) -> Callable[[Kind], Kind]:
    """`wishes`: the names it heeds; `pictures`: those of them that are uploads."""

    def file(work: Kind) -> Kind:
        def checked(given: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
            settings.check_names(given, {*wishes, *pictures}, f"a job of {name}")
            return work(resolved(given, uploads, pictures), uploads)

        register("job", name)(checked)
        return work

    return file


@kind(
    "paint", ("prompt", *PAINTING, "tile", "strength", "extend", "then"), ("image", "mask", "style_ref", "image_prompt")
)
def paint(wishes: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
    """Words to pictures; wishes as `danqing.paint` takes them."""
    return named((yield from told(api.paint(**wishes))).pictures)


@kind("vary", ("text", "strength", *PAINTING), ("picture",))
def vary(wishes: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
    """Another picture of the same; wishes as `danqing.vary` takes them."""
    return named((yield from told(api.vary(**wishes))).pictures)


@kind("stylize", ("styles", *STYLIZING), ("picture",))
def stylize(wishes: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
    """A photo in other manners; `styles` are manners by name, or uploads as "upload:ID"."""
    given = dict(wishes)
    styles = [style_of(str(one), uploads) for one in given.pop("styles", [])]
    return named([(yield from told(api.stylize(given.pop("picture", ""), styles, **given)))])


def told(act: api.Act[R]) -> Generator[Progress, None, R]:
    """An act's progress, and its result."""
    yield from act
    return act.result()


def style_of(text: str, uploads: Uploads) -> Any:
    mark, _, upload = text.partition(":")
    return uploads.path(upload) if mark == "upload" else text


def resolved(wishes: Mapping[str, Any], uploads: Uploads, pictures: Sequence[str]) -> dict[str, Any]:
    """The wishes with uploads in place of their ids. Raises UsageError, NotFoundError."""
    given = dict(wishes)
    for name in pictures:
        if given.get(name) is not None:
            if not isinstance(given[name], str):
                raise UsageError(
                    f"{name} = {given[name]!r} is no upload; give the id that the upload was answered with."
                )
            given[name] = uploads.path(given[name])
    return given


def named(pictures: list[Picture]) -> Files:
    return {f"{number:03d}.png": encode_png(picture) for number, picture in enumerate(pictures)}
