"""Progress drawn: a live bar on a terminal, a plain line every few seconds elsewhere."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console

from danqing.types import Progress

Drawing = Callable[[Progress], None]
EVERY = 5.0
"""seconds between plain lines"""
PACE = "pictures/s"


@contextmanager
def drawing(console: Console, quiet: bool) -> Iterator[Drawing]:
    """A function that draws Progress on this console, or does not if `quiet`."""
    if quiet:
        yield lambda progress: None
    elif console.is_terminal:
        with live(console) as draw:
            yield draw
    else:
        yield plain(console)


@contextmanager
def live(console: Console) -> Iterator[Drawing]:
    """A bar that moves; messages scroll above it."""
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bars
    from rich.table import Column

    columns = (
        TextColumn("{task.description}", table_column=Column(min_width=5)),
        BarColumn(None, table_column=Column(min_width=12, max_width=24, ratio=1)),
        TaskProgressColumn(table_column=Column(min_width=4)),
        TextColumn("{task.fields[more]}", table_column=Column(no_wrap=True, overflow="ellipsis")),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        task = bars.add_task("", total=1.0, more="")

        def draw(progress: Progress) -> None:
            if progress.message:
                console.print(progress.message, markup=False, highlight=False)
            bars.update(task, description=progress.act, completed=progress.done, more=figures(progress))

        yield draw


def plain(console: Console) -> Drawing:
    """Lines for logs: every message, and now and then how far it is."""
    last = time.monotonic()

    def draw(progress: Progress) -> None:
        nonlocal last
        if progress.message:
            console.print(progress.message, markup=False, highlight=False, soft_wrap=True)
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            line = f"{progress.act} {progress.done:4.0%} {figures(progress)}"
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    return draw


def figures(progress: Progress) -> str:
    """What moves: the time left, step, pace and losses, as far as they are known; the last may be cut.

    >>> figures(Progress("train", 0.5, 20, 95.0, {"bound": 1.25, "pictures/s": 310.4}))
    '1 min 35 s left · step 20 · 310 pictures/s · bound 1.25'
    """
    parts = [] if progress.seconds_left is None else [f"{duration(progress.seconds_left)} left"]
    parts += [f"step {progress.step}"] if progress.step else []
    if progress.figures.get(PACE):
        parts.append(f"{progress.figures[PACE]:.0f} {PACE}")
    parts += [f"{name} {value:.3g}" for name, value in progress.figures.items() if name != PACE]
    return " · ".join(parts)


def duration(seconds: float) -> str:
    """Two units at most.

    >>> duration(7.4), duration(95), duration(600), duration(3725)
    ('7 s', '1 min 35 s', '10 min', '1 h 2 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min" + (f" {whole % 60} s" if whole % 60 and whole < 600 else "")
    return f"{whole // 3600} h {whole % 3600 // 60} min"
