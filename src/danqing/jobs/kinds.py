"""How jobs are done: a function of each name in JOBS, from plain wishes to files, through the api.

    @kind("mine")
    def mine(wishes, uploads): ...  # yields Progress, returns {name: bytes}

Pictures that a job needs are named by the ids of uploads, never by paths.
"""

from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from danqing import api
from danqing.errors import UsageError, unknown
from danqing.home import taught_names
from danqing.images.writing import encode_png
from danqing.jobs.uploads import Uploads
from danqing.jobs.wishes import JOBS, check
from danqing.presets import looks
from danqing.registry import register
from danqing.types import Picture, Progress

Files = Mapping[str, bytes]
R = TypeVar("R")
Kind = Callable[[Mapping[str, Any], Uploads], Generator[Progress, None, Files]]


def kind(name: str) -> Callable[[Kind], Kind]:
    """Files a function as the one that does the jobs of that name; it gets wishes that were checked, with paths."""

    def file(work: Kind) -> Kind:
        def checked(given: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
            check(name, given)
            return work(resolved(given, uploads, JOBS[name].pictures), uploads)

        register("job", name)(checked)
        return work

    return file


@kind("paint")
def paint(wishes: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
    """Words to pictures; wishes as `danqing.paint` takes them."""
    return named((yield from told(api.paint(**wishes))).pictures)


@kind("vary")
def vary(wishes: Mapping[str, Any], uploads: Uploads) -> Generator[Progress, None, Files]:
    """Another picture of the same; wishes as `danqing.vary` takes them."""
    return named((yield from told(api.vary(**wishes))).pictures)


@kind("stylize")
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
    """A manner by its name, or an upload; never a file of this machine. Raises NotFoundError."""
    mark, _, upload = text.partition(":")
    if mark == "upload":
        return uploads.path(upload)
    known = [*looks(), *taught_names()]
    if text not in known:
        raise unknown("manner", text, known)
    return text


def resolved(wishes: Mapping[str, Any], uploads: Uploads, pictures: tuple[str, ...]) -> dict[str, Any]:
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
