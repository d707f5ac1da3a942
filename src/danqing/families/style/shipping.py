"""A fast engine as a folder: weights.safetensors in fp16 (its reader in fp32), card.json of the family "style"."""

from functools import lru_cache
from pathlib import Path

from danqing import settings
from danqing.checkpoint import load_model, save_model
from danqing.errors import BadWeightsError, UsageError
from danqing.evaluate.shipped import shelf
from danqing.families.style.network import FastConfig, FastPainter
from danqing.types import Card

FAMILY = "style"


def shipped_styler() -> Path:
    """The folder of the fast engine that comes with Danqing."""
    return Path(str(shelf().joinpath("styler")))


def write_styler(folder: Path, painter: FastPainter, card: Card) -> None:
    tensors = painter.state_dict().items()
    save_model(folder, {name: value if name.startswith("reader.") else value.half() for name, value in tensors}, card)


def read_styler(folder: Path) -> tuple[FastPainter, str]:
    """The engine, ready for use, and the sha256 of its weights. NotFoundError, BadWeightsError."""
    weights = folder / "weights.safetensors"
    return _read(folder.resolve(), weights.stat().st_mtime_ns if weights.exists() else 0)


@lru_cache(maxsize=2)
def _read(folder: Path, stamp: int) -> tuple[FastPainter, str]:
    tensors, card, sha = load_model(folder)
    if card.family != FAMILY:
        raise BadWeightsError(f"The model in '{folder}' ({card.family}) is no fast engine; give a folder of one.")
    try:
        painter = FastPainter(settings.read(FastConfig, card.config, f"the card of '{folder}'"))
        painter.load_state_dict({name: value.float() for name, value in tensors.items()})
    except (UsageError, RuntimeError):
        raise BadWeightsError(f"The weights in '{folder}' do not fit their card; copy the folder again.") from None
    return painter.eval().requires_grad_(False), sha
