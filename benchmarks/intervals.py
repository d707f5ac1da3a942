"""How often the intervals of `evaluate` hold the truth: simulated pictures, as many as one likes.

python benchmarks/intervals.py --samples 1600
"""

import argparse
import json

import torch

from danqing.evaluate.metrics import Sets
from danqing.evaluate.report import SPLITS, halved, interval
from danqing.nn.chance import generator
from danqing.registry import get, names

SETTINGS = {
    "a sharper, shifted generator": (300, 6, 0.8, 0.3),
    "a perfect generator": (300, 6, 1.0, 0.0),
    "more features": (600, 12, 0.9, 0.2),
}
"""pictures, features, spread and shift of the made ones; the real ones are standard normal"""


def share_held(count: int, dims: int, spread: float, shift: float, samples: int) -> dict[str, float]:
    """Share of `samples` whose interval holds the mean over all of them, for every metric."""
    chance = generator("intervals", count, dims)
    values: dict[str, list[float]] = {name: [] for name in names("metric")}
    edges: dict[str, list[tuple[float, float]]] = {name: [] for name in names("metric")}
    for _ in range(samples):
        real, made = (torch.randn(count, dims, generator=chance) for _ in range(2))
        whole = Sets(real, made * spread + shift)
        pairs = [halved(whole, chance) for _ in range(SPLITS)]
        for name in values:
            metric = get("metric", name)
            values[name].append(metric.measure(whole))
            halves = [(metric.measure(a), metric.measure(b)) for a, b in pairs]
            edges[name].append(interval(values[name][-1], halves, metric.limits, count))
    truths = {name: sum(them) / samples for name, them in values.items()}
    return {name: sum(low <= truths[name] <= high for low, high in edges[name]) / samples for name in values}


def main() -> None:
    """Print one JSON line per setting."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--samples", type=int, default=1600)
    samples = parser.parse_args().samples
    for title, setting in SETTINGS.items():
        print(json.dumps({"setting": title, "held": share_held(*setting, samples)}), flush=True)


if __name__ == "__main__":
    main()
