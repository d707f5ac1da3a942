"""Everything Danqing can refuse, as one small tree.

    DanqingError            1  something went wrong
    ├── UsageError          2  the command or a setting makes no sense
    ├── NotFoundError       3  a model, preset, label or file is not there
    │   └── MissingExtraError
    ├── BadInputError       4  a picture, folder or data set cannot be used
    │   └── BadWeightsError    a weights file is broken, foreign or of another shape
    └── DiskError           5  a file could not be written whole

The number is the exit code of the command line (130 is Ctrl+C). A message is one sentence: what came, what is
allowed, what to do.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class DanqingError(Exception):
    """Base of all errors that are shown to people as one sentence."""

    exit_code = 1


class UsageError(DanqingError):
    exit_code = 2


class NotFoundError(DanqingError):
    exit_code = 3


class MissingExtraError(NotFoundError):
    def __init__(self, what: str, extra: str) -> None:
        super().__init__(
            f"{what} needs the extra '{extra}', which is not installed; run: scripts/extras {extra} (elsewhere: "
            f"pip install 'danqing[{extra}]')."
        )


class BadInputError(DanqingError):
    exit_code = 4


class BadWeightsError(BadInputError):
    pass


class DiskError(DanqingError):
    exit_code = 5


def unknown(kind: str, name: str, known: Iterable[str]) -> NotFoundError:
    """The error for a name that does not exist, with near names offered first."""
    known = sorted(known)
    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(known) or 'none'}."
    return NotFoundError(f"There is no {kind} named '{name}'; {hint}")
