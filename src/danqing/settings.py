"""Settings are frozen dataclasses; this reads them from plain data (TOML, JSON, `--set key=value`) and checks them."""

import math
import tomllib
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import cache
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from danqing.errors import BadInputError, UsageError, unknown

C = TypeVar("C")


def read(cls: type[C], values: Mapping[str, Any], where: str = "settings") -> C:
    """Build `cls` (a frozen dataclass) from `values`.

    Raises UsageError for an unknown key (near names are offered) or a value of the wrong type.
    """
    check_names(values, [f.name for f in fields(cls)], where)  # type: ignore[arg-type]
    try:
        made: C = adapter(cls).validate_python(dict(values))  # type: ignore[arg-type]
        return made
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"In {where}: {key} = {first['input']!r} is not allowed: {first['msg']}.") from None


@cache
def adapter(cls: Hashable) -> TypeAdapter[Any]:
    """Slow to make, so made once."""
    return TypeAdapter(cls)  # type: ignore[arg-type]


def check_names(values: Iterable[str], known: Iterable[str], where: str) -> None:
    """UsageError for the first name that is not known; near names are offered."""
    known = list(known)
    for key in values:
        if key not in known:
            raise UsageError(f"In {where}: {unknown('setting', key, known)}")


def check_choices(config: Any, **known: Iterable[str]) -> None:
    """NotFoundError for the first field of `config` whose value is not among the known ones; near ones are offered."""
    for key, values in known.items():
        if getattr(config, key) not in (values := list(values)):
            raise unknown(f"{key} setting", getattr(config, key), values)


def check_least(least: float, **values: float | Sequence[float]) -> None:
    """UsageError where a setting, or one of its numbers, is below `least` or no finite number."""
    for name, value in values.items():
        numbers = value if isinstance(value, Sequence) else (value,)
        if not numbers:
            raise UsageError(f"{name} = [] is not allowed; give at least one number.")
        for number in numbers:
            if not (math.isfinite(number) and number >= least):
                raise UsageError(f"{name} = {value} is not allowed; it must be at least {least:g}.")


def check_most(most: float, **values: float) -> None:
    """UsageError where a setting is above `most`."""
    for name, value in values.items():
        if value > most:
            raise UsageError(f"{name} = {value} is not allowed; it must be at most {most:g}.")


def plain(config: Any) -> dict[str, Any]:
    """A JSON-safe dict of a settings dataclass; `read(cls, plain(config)) == config`."""
    return asdict(config)


def parse_assignment(text: str) -> tuple[str, Any]:
    """'lr=0.02' -> ('lr', 0.02); the value is read as TOML, and as a plain string where it is none.

    >>> parse_assignment("widths=[64, 128]"), parse_assignment("loss=hinge")
    (('widths', [64, 128]), ('loss', 'hinge'))
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"'{text}' is no setting; write key=value, for example batch=64.")
    try:
        return key.strip(), tomllib.loads(f"x = {value}")["x"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value.strip()


def read_toml(text: str, where: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInputError(f"{where} is not valid TOML: {error}.") from None
