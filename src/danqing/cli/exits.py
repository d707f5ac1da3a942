"""Exit codes: what each means, and which one an exception gets."""

from danqing import errors
from danqing.errors import DanqingError


class Interrupted(DanqingError):
    """Ctrl+C; the message says what was kept and how to go on."""

    exit_code = 130


MEANINGS = {
    0: "all went well",
    DanqingError.exit_code: "something went wrong",
    errors.UsageError.exit_code: "the command or a setting makes no sense",
    errors.NotFoundError.exit_code: "a model, preset, label, file or extra is not there",
    errors.BadInputError.exit_code: "a picture, data set or weights file cannot be used",
    errors.DiskError.exit_code: "a file could not be written whole",
    Interrupted.exit_code: "stopped by Ctrl+C, with everything kept that can be resumed",
}


def failure(error: Exception) -> tuple[str, str, int]:
    """(kind, one sentence, exit code) of any exception that left a command."""
    if isinstance(error, DanqingError):
        return type(error).__name__, str(error), error.exit_code
    if hasattr(error, "format_message"):  # typer's own; where its class lives depends on the version
        return "UsageError", usage(error), errors.UsageError.exit_code
    if isinstance(error, OSError) and error.errno:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
        return "DiskError", f"{what}; free space or choose another place.", errors.DiskError.exit_code
    about = f"{type(error).__name__}: {error}".partition("\n")[0]
    return "Bug", f"This is a bug in Danqing ({about}); run the command with --debug and report it.", 1


def usage(error: Exception) -> str:
    """typer's sentence, and where to look the command up."""
    message: str = error.format_message()  # type: ignore[attr-defined]
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "danqing"
    return f"{message} See {command} --help." if message else ""


def epilog() -> str:
    """One line for --help."""
    return "Exit codes: " + "; ".join(f"{code} {meaning}" for code, meaning in MEANINGS.items()) + "."
