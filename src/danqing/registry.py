"""Names -> things. A thing registers itself where it is defined; lists, help, docs and tests are derived from here.

    @register("sampler", "heun")
    def heun(...): ...

Packages that hold the built-in things are imported the first time their kind is asked for, so that `danqing --help`
stays fast. Other packages add theirs through the entry point group `danqing.plugins`.
"""

import importlib
from collections.abc import Callable
from functools import cache
from importlib.metadata import entry_points
from typing import Any, TypeVar

from danqing.errors import UsageError, unknown

T = TypeVar("T")

_HOMES = {
    "family": "danqing.families",
    "sampler": "danqing.samplers",
    "schedule": "danqing.samplers",
    "metric": "danqing.evaluate",
    "features": "danqing.evaluate",
    "source": "danqing.data",
    "optimizer": "danqing.train",
    "rate": "danqing.train",
    "job": "danqing.jobs.kinds",
}
_things: dict[str, dict[str, Any]] = {}


def register(kind: str, name: str) -> Callable[[T], T]:
    """Decorator that files a thing under a kind and a name; a name can be taken once only."""

    def file(thing: T) -> T:
        shelf = _things.setdefault(kind, {})
        if name in shelf:
            raise UsageError(f"The {kind} '{name}' is registered twice: {_origin(shelf[name])}, {_origin(thing)}.")
        shelf[name] = thing
        return thing

    return file


def names(kind: str) -> list[str]:
    """All names of a kind, sorted."""
    _load(kind)
    return sorted(_things.get(kind, {}))


def get(kind: str, name: str) -> Any:
    """The thing of that name; NotFoundError offers near names."""
    _load(kind)
    try:
        return _things[kind][name]
    except KeyError:
        raise unknown(kind, name, _things.get(kind, {})) from None


@cache
def _load(kind: str) -> None:
    if kind in _HOMES:
        importlib.import_module(_HOMES[kind])
    _load_plugins()


@cache
def _load_plugins() -> None:
    for point in entry_points(group="danqing.plugins"):
        point.load()


def _origin(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '?')}.{getattr(thing, '__qualname__', repr(thing))}"
