"""One decorator for all commands: it adds --json, --quiet and --debug, and hands the command a Talk."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from danqing.cli.exits import Interrupted
from danqing.cli.words import Talk

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no chatter.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
COMMON = {"as_json": AsJson, "quiet": Quiet, "debug": Debug}

Command = Callable[..., Any]
"""takes a Talk and what the user wrote, returns the document for --json"""


def command(app: typer.Typer, name: str, example: str = "") -> Callable[[Command], Command]:
    """File a function as the command `name`; its docstring is the help, `example` stands below the options."""

    def file(function: Command) -> Command:
        @wraps(function)
        def run(as_json: bool, quiet: bool, debug: bool, **values: Any) -> None:
            talk = Talk(as_json, quiet)
            try:
                talk.answer(function(talk, **values))
            except KeyboardInterrupt as stop:  # typer would end without a word
                raise Interrupted(str(stop) or "Stopped by Ctrl+C.") from None

        seen = run_signature(function)
        run.__signature__ = seen  # type: ignore[attr-defined]
        run.__annotations__ = {key: parameter.annotation for key, parameter in seen.parameters.items()}
        app.command(name, epilog=f"Example: {example}" if example else None)(run)
        return function

    return file


def run_signature(function: Command) -> inspect.Signature:
    """The command's parameters without its Talk, with the common options at the end."""
    own = list(inspect.signature(function).parameters.values())[1:]
    kind = inspect.Parameter.KEYWORD_ONLY
    common = [inspect.Parameter(key, kind, default=False, annotation=hint) for key, hint in COMMON.items()]
    return inspect.Signature([parameter.replace(kind=kind) for parameter in own] + common)
