"""What clients of other programs send, read as what it should be; UsageError in one sentence for what it is not."""

import math
from collections.abc import Mapping
from typing import Any

from danqing.errors import UsageError
from danqing.home import fetched_names
from danqing.limits import LARGEST, SIZES

UNIT, LEAST = 16, 64
"""sides of pretrained models' pictures are multiples of the one and at least the other"""
LARGEST_SEED = 2**63 - 1


def real(given: Mapping[str, Any], name: str, otherwise: float) -> float:
    """A finite number, also one that came as text; `otherwise` where there is none."""
    value = given.get(name)
    if value is None or value == "":
        return otherwise
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if isinstance(value, bool) or not math.isfinite(found):
        raise UsageError(f"{name} = {str(value)[:40]!r} is no number; give one.")
    return found


def whole(given: Mapping[str, Any], name: str, otherwise: int) -> int:
    """A whole number; of a real one what stands before the point."""
    value = given.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(real(given, name, otherwise))


def seed(given: Mapping[str, Any], name: str, otherwise: int) -> int:
    found = whole(given, name, otherwise)
    return otherwise if found < 0 else found % LARGEST_SEED


def text(given: Mapping[str, Any], name: str) -> str:
    """Words; '' where there are none."""
    value = given.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{name} is no text; give words.")
    return value


def listed(given: Mapping[str, Any], name: str) -> list[Any]:
    value = given.get(name) or []
    if not isinstance(value, list):
        raise UsageError(f"{name} is no list; give one.")
    return value


def clamped(value: float, least: float, most: float) -> float:
    return min(most, max(least, value))


def model_of(name: Any) -> str | None:
    """A model that was fetched, by its name; None for any other name, which means the painter of this place."""
    return name if isinstance(name, str) and name in fetched_names() else None


def sides(width: float, height: float) -> str:
    """A size of theirs for a pretrained model: the nearest multiples of 16.

    >>> sides(1024, 1792), sides(500, 9)
    ('1024x1792', '496x64')
    """
    return "x".join(str(int(clamped(round(side / UNIT) * UNIT, LEAST, LARGEST))) for side in (width, height))


def square(width: float, height: float) -> int:
    """The smallest side of ours that holds a size of theirs.

    >>> square(1024, 1792), square(200, 100)
    (1024, 256)
    """
    longest = max(width, height)
    return next((side for side in SIZES if side >= longest), SIZES[-1])
