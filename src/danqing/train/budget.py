"""How long a training lasts: in steps, in pictures or in minutes."""

from dataclasses import dataclass

from danqing.errors import UsageError


@dataclass(frozen=True)
class Budget:
    """Exactly one of the three is set.

    >>> Budget(steps=10).fraction(5, 0, 0.0)
    0.5
    """

    steps: int | None = None
    pictures: int | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.steps, self.pictures, self.minutes) if value is not None]
        if len(given) != 1 or given[0] <= 0:
            raise UsageError("A budget is one number above zero: give one of --minutes, --steps and --pictures.")

    def fraction(self, step: int, pictures: int, seconds: float) -> float:
        """The spent share, 0 .. 1."""
        if self.steps is not None:
            return min(1.0, step / self.steps)
        if self.pictures is not None:
            return min(1.0, pictures / self.pictures)
        return min(1.0, seconds / (60 * (self.minutes or 1)))


ROUNDING = 1e-9
"""forgiven where a share of the budget is compared with a mark"""


def next_mark(done: float, every: float) -> float:
    """The next multiple of `every` above `done`; 2 (never) for every = 0."""
    return (int(done / every + ROUNDING) + 1) * every - ROUNDING if every else 2.0
