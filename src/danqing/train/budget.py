"""How long a training lasts: in steps, in pictures or in minutes, or until the first of several is spent."""

from dataclasses import dataclass

from danqing.errors import UsageError


@dataclass(frozen=True)
class Budget:
    """At least one of the three is set; the one that is spent first ends the training.

    >>> Budget(steps=10).fraction(5, 0, 0.0), Budget(steps=10, minutes=1).fraction(5, 0, 45.0)
    (0.5, 0.75)
    """

    steps: int | None = None
    pictures: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.steps, self.pictures, self.minutes) if value is not None]
        if not given or min(given) <= 0:
            raise UsageError("A budget is a number above zero: give --minutes, --steps or --pictures.")

    @property
    def minutes_alone(self) -> bool:
        return self.steps is None and self.pictures is None

    def fraction(self, step: int, pictures: int, seconds: float) -> float:
        """The spent share, 0 .. 1."""
        spent = ((step, self.steps), (pictures, self.pictures), (seconds / 60, self.minutes))
        return min(1.0, max(done / whole for done, whole in spent if whole is not None))


ROUNDING = 1e-9
"""forgiven where a share of the budget is compared with a mark"""


def next_mark(done: float, every: float) -> float:
    """The next multiple of `every` above `done`; 2 (never) for every = 0."""
    return (int(done / every + ROUNDING) + 1) * every - ROUNDING if every else 2.0
