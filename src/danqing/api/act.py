"""An act: something that takes time, tells how far it is, and has a result in the end."""

from collections.abc import Callable, Generator
from dataclasses import replace
from functools import wraps
from typing import Generic, ParamSpec, TypeVar

from danqing.types import Progress

R = TypeVar("R")
P = ParamSpec("P")


class Act(Generic[R]):
    """Iterate over its Progress events, then ask for the result; or ask at once.

    act = danqing.train("flow-28", "fashion-mnist", minutes=2)
    for progress in act:
        print(progress.done)
    folder = act.result().folder
    """

    def __init__(self, steps: Generator[Progress, None, R]) -> None:
        self._steps = steps
        self._result: list[R] = []

    def __iter__(self) -> Generator[Progress, None, None]:
        try:
            self._result.append((yield from self._steps))
        finally:
            self._steps.close()

    def result(self) -> R:
        """Run to the end, if need be, and return what came out."""
        if not self._result:
            for _ in self:
                pass
        return self._result[0]


def shared(steps: Generator[Progress, None, R], place: int, count: int) -> Generator[Progress, None, R]:
    """The progress of one of `count` things that are done one after the other."""
    while True:
        try:
            step = next(steps)
        except StopIteration as end:
            result: R = end.value
            return result
        yield replace(step, done=(place + step.done) / count)


def act(steps: Callable[P, Generator[Progress, None, R]]) -> Callable[P, Act[R]]:
    """Decorator: a generator of Progress that returns a result becomes a function that returns an Act."""

    @wraps(steps)
    def start(*args: P.args, **kwargs: P.kwargs) -> Act[R]:
        return Act(steps(*args, **kwargs))

    return start
