"""A model that is ready to paint: its painter, its settings, its card."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from danqing import registry, settings
from danqing.checkpoint import WEIGHTS, load_model
from danqing.errors import BadWeightsError, UsageError
from danqing.nn.precision import best_device
from danqing.types import Card, Family
from danqing.version import __version__


@dataclass(frozen=True)
class Model:
    """Weights in memory. `hash` is the first 12 hex digits of their sha256."""

    family: Family
    config: object
    painter: nn.Module
    card: Card
    hash: str

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes, empty where the model has none."""
        return tuple(self.card.data.get("labels", ())) if self.classes else ()

    @property
    def classes(self) -> int:
        return int(getattr(self.config, "classes", 0))


def load(folder: str | Path, device: str | None = None) -> Model:
    """Load a model folder. Raises NotFoundError or BadWeightsError in one sentence."""
    tensors, card, sha = load_model(Path(folder))
    family: Family = registry.get("family", card.family)
    try:
        config: object = settings.read(family.Config, card.config, f"the card of '{folder}'")
    except UsageError as error:
        raise BadWeightsError(f"{error}") from None
    painter = family.painter(family.build(config))
    try:
        painter.load_state_dict(tensors)
    except RuntimeError:
        raise BadWeightsError(
            f"The weights in '{folder}' do not fit their card ({card.family}, {card.preset}); train or copy it again."
        ) from None
    return Model(family, config, ready(painter, device), card, sha[:12])


def ready(painter: Any, device: str | None = None) -> nn.Module:
    """In painting mode, without gradients, in the fast memory layout."""
    painter = painter.to(device or best_device()).to(memory_format=torch.channels_last)
    return painter.eval().requires_grad_(False)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def software() -> dict[str, str]:
    """Versions that go into every card."""
    return {"danqing": __version__, "torch": torch.__version__, "python": platform.python_version()}


def find(folder: str | Path = "runs") -> Iterator[Path]:
    """Model folders at or below `folder`, two levels deep."""
    for pattern in (WEIGHTS, f"*/{WEIGHTS}", f"*/*/{WEIGHTS}"):
        yield from sorted(path.parent for path in Path(folder).glob(pattern))
