"""What a caller wants of a data set, and what a source gives back: the contract between `load` and its sources."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from danqing.data.pictures import PictureSet
from danqing.errors import UsageError, unknown
from danqing.images.reading import Limits
from danqing.images.resizing import FITS, check_size, colour
from danqing.types import Progress

Report = Callable[[Progress], None]

USUAL_SIZE = 64
"""pixels, where the pictures differ in size and none was asked for: trains within minutes on a CPU"""


@dataclass(frozen=True)
class Wanted:
    """How pictures shall come out; UsageError when a value makes no sense."""

    size: int | None = None
    """side in pixels; None keeps a common square size, else takes USUAL_SIZE and says so"""
    channels: int | None = None
    """1 or 3; None takes 1 when every picture is grey"""
    fit: str = "crop"
    background: str = "white"
    limits: Limits = field(default_factory=Limits)
    report: Report | None = None

    def __post_init__(self) -> None:
        if self.size is not None:
            check_size(self.size)
        if self.channels not in (None, 1, 3):
            raise UsageError(f"{self.channels} channels are not possible; choose 1 (grey) or 3 (colour).")
        if self.fit not in FITS:
            raise UsageError(str(unknown("way to fit", self.fit, FITS)))
        colour(self.background)

    def tell(self, done: float, message: str = "") -> None:
        """Report progress, 0 .. 1, to whoever listens."""
        if self.report is not None:
            self.report(Progress("data", done, message=message))


@dataclass(frozen=True)
class Parts:
    """What a source gives: the pictures to learn from, and those held out where the source itself says which."""

    train: PictureSet
    held: PictureSet | None = None


Source = Callable[[Wanted], Parts]
"""registered under "source"; may ignore `wanted.size` and `wanted.channels`, since `load` fits what comes"""
