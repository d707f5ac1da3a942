"""What a training writes down as it goes: one JSON line per step, and TensorBoard where it is asked for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from danqing.errors import DiskError, MissingExtraError
from danqing.types import Progress


class Log:
    """Appends to log.jsonl; lines after the step a run resumes from are dropped first."""

    def __init__(self, folder: Path, step: int, tensorboard: bool) -> None:
        self.path = folder / "log.jsonl"
        kept = [line for line in read_lines(self.path) if line["step"] <= step]
        with disk_errors(self.path):
            folder.mkdir(parents=True, exist_ok=True)
            self.file = self.path.open("w", encoding="utf-8")
            self.file.writelines(json.dumps(line) + "\n" for line in kept)
        self.board: Any = _board(folder) if tensorboard else None

    def write(self, progress: Progress, seconds: float) -> None:
        figures = {name: round(float(value), 6) for name, value in progress.figures.items()}
        line = {"step": progress.step, "seconds": round(seconds, 3), "done": round(progress.done, 6), **figures}
        with disk_errors(self.path):
            self.file.write(json.dumps(line) + "\n")
        if self.board:
            for name, value in figures.items():
                self.board.add_scalar(name, value, progress.step)

    def close(self) -> None:
        with disk_errors(self.path):
            self.file.close()
        if self.board:
            self.board.close()


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """An OSError becomes a DiskError of one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise DiskError(f"{path} could not be written ({reason}); free space or choose another place.") from None


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; a last line that a kill cut short is left out."""
    lines = []
    for text in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        raise MissingExtraError("TensorBoard", "tensorboard") from None
    return SummaryWriter(str(folder / "tensorboard"))
