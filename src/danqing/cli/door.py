"""In and out: runs the command, turns whatever happens into an exit code and, for errors, one sentence."""

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

from danqing.cli.exits import failure
from danqing.cli.words import write_document


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code. Under torchrun only the first process speaks."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    with ExitStack() as silence:
        if os.environ.get("RANK", "0") != "0" and "--debug" not in words:
            nowhere = silence.enter_context(Path(os.devnull).open("w", encoding="utf-8"))
            silence.enter_context(redirect_stdout(nowhere))
            silence.enter_context(redirect_stderr(nowhere))
        return run(words)


def run(words: list[str]) -> int:
    """The command, with every exception translated."""
    from danqing.cli.app import app

    try:
        code = app(words, prog_name="danqing", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except Exception as error:
        if "--debug" in words:
            import traceback

            traceback.print_exc()
        return report(error, as_json="--json" in words)


def report(error: Exception, as_json: bool) -> int:
    """Say what went wrong: a JSON document on stdout or a sentence on stderr. Returns the exit code."""
    kind, message, code = failure(error)
    if not message:  # a group without a command: typer has shown the help
        return code
    if as_json:
        write_document({"error": {"kind": kind, "message": message, "exit_code": code}})
    else:
        sys.stderr.write(f"danqing: {message}\n")
    return code
