"""The reference of the command line as Markdown, from the commands themselves: python -m danqing.cli.reference"""

import sys
from collections.abc import Iterator
from typing import Any

import typer

from danqing.cli.app import app
from danqing.cli.command import COMMON
from danqing.cli.exits import MEANINGS

HEAD = """# Command line

Written by `scripts/docs` from the commands themselves; change those, not this page.

Results go to stdout, progress and chatter to stderr. Every command takes `--json` (exactly one JSON document on stdout;
errors too: `{"error": {"kind", "message", "exit_code"}}`), `--quiet`/`-q`, `--debug` (tracebacks) and `--help`/`-h`.
`NO_COLOR` is respected; where stderr is no terminal, progress is a plain line every few seconds.
`danqing --install-completion` teaches the shell the commands, presets and models.
"""
HIDDEN = {*COMMON, "help", "install_completion", "show_completion"}


def markdown() -> str:
    """The whole page."""
    parts = [HEAD, *(section(path, command) for path, command in commands("danqing", typer.main.get_command(app)))]
    codes = "\n".join(f"| {code} | {meaning} |" for code, meaning in MEANINGS.items())
    return "\n".join([*parts, f"## Exit codes\n\n| code | meaning |\n|---|---|\n{codes}\n"])


def commands(path: str, command: Any) -> Iterator[tuple[str, Any]]:
    """Every command with its full name, groups opened."""
    for name, inner in getattr(command, "commands", {}).items():
        if hasattr(inner, "commands"):
            yield from commands(f"{path} {name}", inner)
        else:
            yield f"{path} {name}", inner


def section(path: str, command: Any) -> str:
    own = [parameter for parameter in command.params if parameter.name not in HIDDEN]
    words = [metavar(p) if p.required else f"[{metavar(p)}]" for p in own if p.param_type_name == "argument"]
    lines = [f"## {path}", "", f"    {' '.join([path, *words])} [options]", "", command.help, ""]
    if own:
        lines += ["| | | default |", "|---|---|---|", *map(row, own), ""]
    if command.epilog:
        lines += [command.epilog.replace("Example: ", "Example: `") + "`", ""]
    return "\n".join(lines)


def metavar(parameter: Any) -> str:
    name: str = parameter.metavar or parameter.name.upper()
    return name.strip("[]") if parameter.param_type_name == "argument" else name


def row(parameter: Any) -> str:
    """A line of the table of a command."""
    if parameter.param_type_name == "argument":
        name = f"`{metavar(parameter)}`".replace("|", "\\|")
    else:
        flags = ", ".join(f"`{flag}`" for flag in [*parameter.opts, *parameter.secondary_opts])
        name = flags if parameter.is_flag else f"{flags} {metavar(parameter)}"
    return f"| {name} | {parameter.help or ''} | {default(parameter)} |"


def default(parameter: Any) -> str:
    """What is taken if nothing is given; empty for none and for flags that are off."""
    value = parameter.default
    if value is None or value is False or value is ... or callable(value) or "UNSET" in repr(value):
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


if __name__ == "__main__":
    sys.stdout.write(markdown())
