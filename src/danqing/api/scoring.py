"""Is the model still getting better? Scored on samples against held-out pictures while training."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from danqing import registry
from danqing.api.models import Model
from danqing.api.painting import many
from danqing.data.pictures import PictureSet
from danqing.train import Trainer

COUNT = 512
"""pictures on each side of a score"""


def distance(model: Model, held: PictureSet) -> float:
    """KID between fresh samples (always of the same seeds) and held-out pictures, on EfficientNet-Lite0 features."""
    made = torch.cat([pictures for pictures, _ in many(model, min(COUNT, len(held)), seed=1_000_000)])
    net = registry.get("features", "effl0")
    return float(registry.get("metric", "kid")(net(held.pixels[:COUNT]), net(made)))


class Best:
    """Keeps the weights that scored best and says when to stop."""

    def __init__(self, patience: int) -> None:
        self.patience, self.score, self.step, self.misses = patience, float("inf"), 0, 0
        self.weights: dict[str, Tensor] | None = None

    def stops(self) -> bool:
        """Whether the last `patience` scores were no better."""
        return bool(self.patience) and self.misses >= self.patience

    def look(self, trainer: Trainer, score: float) -> str:
        """Take notice of a score; returns a sentence."""
        if score < self.score:
            self.score, self.step, self.misses = score, trainer.step, 0
            self.weights = {name: value.clone() for name, value in trainer.average.module.state_dict().items()}
            return f"Score {score:.4f} at step {trainer.step}: the best so far, kept."
        self.misses += 1
        stop = "; stopping" if self.stops() else ""
        return f"Score {score:.4f} at step {trainer.step}, not better than {self.score:.4f} at step {self.step}{stop}."

    def numbers(self) -> dict[str, Any]:
        """What a resumed training must know; JSON-safe."""
        return {"score": None if self.weights is None else self.score, "step": self.step, "misses": self.misses}

    def restore(self, numbers: Mapping[str, Any], weights: Mapping[str, Tensor]) -> None:
        if weights:
            self.weights, self.score = dict(weights), numbers["score"]
            self.step, self.misses = numbers["step"], numbers["misses"]
