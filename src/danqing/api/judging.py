"""How good is a model? Its pictures against real ones, with intervals and the real-against-real floor."""

from collections.abc import Generator
from pathlib import Path

import torch

from danqing.api.act import act
from danqing.api.models import Model
from danqing.api.painting import Wish, check_count, many, opened
from danqing.data.sources import load_split
from danqing.errors import UsageError
from danqing.evaluate import Report, evaluate_sets
from danqing.types import Progress

FEWEST = 50
"""pictures below which no measure means anything"""


@act
def evaluate(
    model: Model | str | Path,
    data: str | Path,
    n: int = 2000,
    seed: int = 0,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
) -> Generator[Progress, None, Report]:
    """Paint `n` pictures (seeds from 1,000,000 + `seed`, unpicked) and compare them with `data`.

    Features: EfficientNet-Lite0 for everything, and the fashion judge's where the data is Fashion-MNIST.
    """
    model = opened(model)
    check_count(n, seed)
    if n < FEWEST:
        raise UsageError(f"{n} pictures are too few to judge a model by; choose {FEWEST} or more.")
    size, channels = model.config.size, model.config.channels  # type: ignore[attr-defined]
    train, held = load_split(data, size=size, channels=channels)
    pictures, labels = [], []
    wish = Wish(None, sampler, steps, guidance)
    for group, of_group in many(model, n, 1_000_000 + seed, wish):
        pictures.append(group)
        labels.append(of_group)
        done = sum(map(len, pictures))
        yield Progress("evaluate", 0.7 * done / n, done, message="" if done < n else "Comparing with real pictures.")
    fashion = train.card.name.startswith("fashion-mnist")
    nets = ("fmnist", "effl0") if fashion else ("effl0",)
    by_label = "label" in model.family.takes(model.config) and model.labels == train.card.labels
    known = torch.cat(labels) if by_label else None
    report = evaluate_sets(
        train.pixels, held.pixels, torch.cat(pictures), nets, made_labels=known, dataset=train.card.name, seed=seed
    )
    yield Progress("evaluate", 1.0, n)
    return report
