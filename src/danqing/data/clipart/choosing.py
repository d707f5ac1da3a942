"""Which icons show things, and which are signs of programs, trademarks or file names: only things are kept."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

_TABLE = tomllib.loads(Path(__file__).with_name("choosing.toml").read_text(encoding="utf-8"))
BRANDS, SIGNS, SIGN_GROUPS, THING_GROUPS, UNWANTED = (
    frozenset(_TABLE[name].split()) for name in ("brands", "signs", "sign_groups", "thing_groups", "unwanted")
)
PREFIXES = sorted(_TABLE["prefixes"], key=len, reverse=True)
LONGEST = 5
"""words of a name; longer ones are file names"""


def refusal(name: str, groups: Iterable[str]) -> str:
    """Why an icon called `name` (words with spaces) is left out; "" for one to keep.

    >>> refusal("hot air balloon", ["Travel"]), refusal("align left", []), refusal("github", [])
    ('', 'a sign of programs', 'brand')
    """
    words, found = set(name.lower().split()), set(groups)
    if BRANDS & words:
        return "brand"
    if UNWANTED & words:
        return "not wanted"
    if SIGN_GROUPS & found or (SIGNS & words and not THING_GROUPS & found):
        return "a sign of programs"
    if not words or len(name.split()) > LONGEST or re.search(r"\d|\b(?!t shirt|t rex|x ray)\w\b", name.lower()):
        return "a name that says little"
    return ""


def without_prefix(name: str) -> str:
    """
    >>> without_prefix("medical specialty nose"), without_prefix("fruit")
    ('nose', 'fruit')
    """
    return next((name.removeprefix(f"{prefix} ") for prefix in PREFIXES if name.startswith(f"{prefix} ")), name)
