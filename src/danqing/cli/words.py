"""Where words go: results to stdout (one JSON document with --json), progress and chatter to stderr."""

import json
import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

    from danqing.api import Act
    from danqing.cli.drawing import Drawing

R = TypeVar("R")
WIDE = 160
"""columns where the output is no terminal, so that tables are not cut"""


class Talk:
    """What a command says, and to whom."""

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json, self.quiet = as_json, quiet
        self.out, self.aside = console(sys.stdout), console(sys.stderr)

    def say(self, text: str) -> None:
        """A result for people, on stdout; nothing with --json."""
        if not self.as_json:
            self.out.print(text, markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Chatter, on stderr."""
        if text and not self.quiet:
            self.aside.print(text, markup=False, highlight=False, soft_wrap=True)

    def table(self, heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[str] = ()) -> None:
        """A table on stdout; the columns named in `numbers` are aligned to the right."""
        if self.as_json:
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, pad_edge=False, header_style="bold", show_header=any(heads))
        for head in heads:
            table.add_column(head, justify="right" if head in numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))  # no markup: file names may hold brackets
        self.out.print(table, highlight=False)

    def facts(self, values: Mapping[str, Any]) -> None:
        """Name and value, a line each."""
        self.table(("", ""), [(name, plain_text(value)) for name, value in values.items()])

    def answer(self, document: Any) -> None:
        if self.as_json:
            write_document(document)

    def follow(self, act: "Act[R]", whole_steps: bool = False) -> R:
        """Draw an act's progress and return its result.

        `whole_steps`: Ctrl+C waits for the step at hand, so that what is saved is the state between two steps; a
        second Ctrl+C does not wait.
        """
        with self.drawing() as draw, closing(iter(act)) as events, patience(self, whole_steps) as stopped:
            for progress in events:
                draw(progress)
                if stopped():
                    raise KeyboardInterrupt
        return act.result()

    @contextmanager
    def drawing(self) -> Iterator["Drawing"]:
        from danqing.cli.drawing import drawing

        with drawing(self.aside, self.quiet) as draw:
            yield draw


@contextmanager
def patience(talk: Talk, wanted: bool) -> Iterator[Callable[[], bool]]:
    """Within it the first Ctrl+C only sets a mark, which the given function tells."""
    asked: list[int] = []

    def mark(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        talk.note("Stopping after this step; Ctrl+C again stops at once.")

    before = signal.signal(signal.SIGINT, mark) if wanted else None
    try:
        yield lambda: bool(asked)
    finally:
        if wanted:
            signal.signal(signal.SIGINT, before)


def console(stream: Any) -> "Console":
    """rich respects NO_COLOR and TERM by itself."""
    from rich.console import Console

    return Console(file=stream, width=None if stream.isatty() else WIDE)


def plain_text(value: Any) -> str:
    """A value as people read it.

    >>> plain_text(1234567), plain_text(0.123456), plain_text(["a", "b"]), plain_text(None)
    ('1,234,567', '0.1235', 'a, b', '-')
    """
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{name} = {plain_text(inner)}" for name, inner in value.items()) or "-"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain_text, value)) or "-"
    return str(value)


def write_document(document: Any) -> None:
    """Exactly one JSON document on stdout."""
    sys.stdout.write(json_text(document))
    sys.stdout.flush()


def json_text(document: Any) -> str:
    """Sorted keys, UTF-8, no NaN, one newline at the end."""
    return json.dumps(json_safe(document), indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def json_safe(value: Any) -> Any:
    """Paths as text; numbers that JSON does not know as null."""
    if isinstance(value, Mapping):
        return {str(name): json_safe(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [json_safe(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
