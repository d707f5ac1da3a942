"""Real and made pictures -> a table: every metric with its interval, and beside it what real pictures would get."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Generator, Tensor

from danqing.errors import BadInputError, UsageError
from danqing.evaluate.features import FeatureNet, classify
from danqing.evaluate.metrics import FEWEST, Metric, Sets
from danqing.evaluate.shipped import read_card
from danqing.nn.chance import generator
from danqing.registry import get, names
from danqing.types import Progress

SPLITS = 6
"""splits into halves behind an interval; with 6 its width is right to about a third, which `student` allows for"""
TIMES_DIMS = 10
"""a Fréchet distance wants this many times more pictures than the features have numbers"""
JUDGED = "fashion-mnist"
"""the data whose classes the judge knows (also under names that begin so)"""
NORMAL = 1.959964
"""standard deviations to each side of a 95 % interval of a normal"""


@dataclass(frozen=True)
class Row:
    """One number of the report."""

    label: str
    """'FD-effl0', 'precision-fmnist', 'class accuracy'"""
    metric: str
    features: str
    value: float
    low: float
    high: float
    """95 % interval: chance of the sample, not of the training"""
    floor: float
    """what real pictures get in place of the made ones: the best that can be hoped for"""
    count: int
    """pictures on each side"""
    floor_count: int
    """pictures on each side of the floor"""
    dims: int
    ideal: float
    higher_is_better: bool


@dataclass(frozen=True)
class Report:
    """What is known of a set of made pictures."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    """whole sentences: what to beware of"""
    real_count: int
    """real pictures that were given, training and held out"""
    made_count: int
    seed: int
    fid: float | None = None
    """of Inception's features, by torch-fidelity, where it was asked for"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        return {**asdict(self), "rows": [asdict(row) for row in self.rows], "notes": list(self.notes)}

    def by_label(self) -> dict[str, Row]:
        return {row.label: row for row in self.rows}

    def figures(self) -> dict[str, float]:
        """label -> value, for cards and logs."""
        return {row.label: row.value for row in self.rows}


@dataclass(frozen=True)
class Samples:
    """Pictures, or their features: `real` is compared with `made`, `other` holds real ones that are not in `real`."""

    real: Tensor
    made: Tensor
    other: Tensor

    def map(self, function: Callable[[Tensor], Tensor]) -> "Samples":
        return Samples(function(self.real), function(self.made), function(self.other))

    def halves(self) -> Sets:
        """Two disjoint sets of real ones, as large as `real` where `other` has enough."""
        pool = torch.cat([self.real, self.other])
        size = min(len(self.real), len(pool) // 2)
        return Sets(pool[:size], pool[-size:])


def evaluate_sets(
    real_train: Tensor,
    real_held: Tensor,
    made: Tensor,
    features: Sequence[str] = ("effl0",),
    *,
    metrics: Sequence[str] | None = None,
    made_labels: Tensor | None = None,
    dataset: str = "",
    splits: int = SPLITS,
    seed: int = 0,
    tell: Callable[[Progress], None] | None = None,
) -> Report:
    """Compare made pictures with the training pictures.

    Pictures are (N, C, H, W), uint8 or float in [-1, 1]. Both sides count N = min(training, made), drawn by `seed`.
    The floor compares real with real: the training pictures used against others, held-out ones last. `metrics` None
    means all. Given `made_labels` (N,) and the dataset "fashion-mnist", the judge says how often it agrees.
    """
    if splits < 2:
        raise UsageError(f"{splits} splits came; an interval needs at least 2.")
    nets: list[FeatureNet] = [get("features", name) for name in features]
    measures: list[Metric] = [get("metric", name) for name in (names("metric") if metrics is None else metrics)]
    samples = draw(real_train, real_held, made, seed)
    rows: list[Row] = []
    for number, net in enumerate(nets):
        announce(tell, number / len(nets), f"Looking at {len(samples.made)} pictures with {net.name}.")
        rows += compare(samples.map(net), net, measures, splits, generator("evaluate", seed, net.name))
    notes = [note for row in rows for note in cautions(row)]
    if made_labels is not None and dataset.startswith(JUDGED):
        rows.append(class_accuracy(made, made_labels))
    announce(tell, 1.0, "")
    return Report(tuple(rows), tuple(dict.fromkeys(notes)), len(real_train) + len(real_held), len(made), seed)


def announce(tell: Callable[[Progress], None] | None, done: float, message: str) -> None:
    if tell is not None:
        tell(Progress("evaluate", done, message=message))


def draw(real_train: Tensor, real_held: Tensor, made: Tensor, seed: int) -> Samples:
    """N = min(training, made) of each, and up to N other real ones: from the rest of training, then from held-out."""
    count = min(len(real_train), len(made))
    if count < 2 * FEWEST:
        raise BadInputError(
            f"{len(real_train)} training and {len(made)} made pictures came; give at least {2 * FEWEST} of each."
        )
    chance = generator("evaluate", seed)
    train, held, ours = (torch.randperm(len(them), generator=chance) for them in (real_train, real_held, made))
    rest = real_train[train[count : 2 * count]]
    other = torch.cat([rest, real_held[held[: count - len(rest)]]]) if len(rest) < count else rest
    return Samples(real_train[train[:count]], made[ours[:count]], other)


def compare(
    samples: Samples, net: FeatureNet, metrics: Sequence[Metric], splits: int, chance: Generator
) -> Iterator[Row]:
    """Features of the samples -> one row per metric."""
    whole, real = Sets(samples.real, samples.made), samples.halves()
    pairs = [halved(whole, chance) for _ in range(splits)]
    for metric in metrics:
        value = metric.measure(whole)
        low, high = interval(
            value, [(metric.measure(a), metric.measure(b)) for a, b in pairs], metric.limits, len(whole.real)
        )
        yield Row(
            label=f"{metric.label}-{net.name}",
            metric=metric.name,
            features=net.name,
            value=value,
            low=low,
            high=high,
            floor=metric.measure(real),
            count=len(whole.real),
            floor_count=len(real.real),
            dims=net.dims,
            ideal=metric.ideal,
            higher_is_better=metric.higher_is_better,
        )


def halved(sets: Sets, chance: Generator) -> tuple[Sets, Sets]:
    """Both sides cut at random into halves that share nothing: two smaller comparisons of the same two sources."""
    (first, second), (third, fourth) = (
        rows[torch.randperm(len(rows), generator=chance)].tensor_split(2) for rows in (sets.real, sets.made)
    )
    return Sets(first, third), Sets(second, fourth)


def interval(
    value: float, halves: Sequence[tuple[float, float]], limits: tuple[float, float], count: int
) -> tuple[float, float]:
    """95 % interval of a statistic of `count` pictures from its values on pairs of halves, within its limits.

    Shares (limits 0 and 1) are compared as angles: what a sample's chance does to a share depends on the share. Halves
    that are all alike, as at 0 and 1, say nothing of chance; there it is that of counting.
    """
    shares = limits == (0, 1)
    if shares and all(a == b for a, b in halves):
        low, high = wilson(value, count)
        return min(low, value), max(high, value)  # its ends miss 0 and 1 by a rounding
    there, back = (angle, of_angle) if shares else (torch.clone, torch.clone)
    middle, measured = (there(torch.tensor(x, dtype=torch.float64)) for x in (value, halves))
    reach = student(len(halves)) * standard_error(measured)
    low, high = (float(back(edge)) for edge in (middle - reach, middle + reach))
    return max(low, limits[0]), min(high, limits[1])


# Bartlett 1936 (Supplement to the Journal of the Royal Statistical Society 3): the chance of a share's angle does not
# depend on the share.
def angle(shares: Tensor) -> Tensor:
    """arcsin(sqrt(share)): 0 .. 1 to 0 .. pi / 2."""
    return shares.clamp(0, 1).sqrt().asin()


def of_angle(angles: Tensor) -> Tensor:
    """Back from `angle`; what lies beyond its ends is the end."""
    return angles.clamp(0, math.pi / 2).sin().square()


# McCarthy 1969 (Review of the International Statistical Institute 37, 239-264): Var(a - b) = 2 Var(N / 2) = 4 Var(N)
# for a and b of halves that share nothing. Spreads over halves that overlap (the delete-d jackknife of Shao and Wu
# 1989) came out 1.3 to 1.7 times as large for what counts neighbours. Halves are drawn without repetition: a bootstrap
# would repeat pictures, which then are their own neighbours.
def standard_error(halves: Tensor) -> float:
    """Standard error of a statistic of N pictures from its values (splits, 2) on halves that share nothing."""
    return float((halves[:, 0] - halves[:, 1]).square().mean().sqrt()) / 2


def student(freedom: int) -> float:
    """Half the width of a 95 % interval in standard errors that were estimated themselves, from as many differences
    (Abramowitz & Stegun 1972, eq. 26.7.5; right to 1 % from 3 degrees of freedom on)."""
    z, n = NORMAL, freedom
    terms = (
        z,
        (z**3 + z) / (4 * n),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3),
    )
    return sum(terms)


def cautions(row: Row) -> Iterator[str]:
    if row.metric == "frechet" and row.count < TIMES_DIMS * row.dims:
        yield (
            f"{row.label} of {row.count} pictures in {row.dims} dimensions is biased upwards; compare it only at the "
            f"same number of pictures, or trust KID-{row.features} ({TIMES_DIMS * row.dims} pictures would be enough)."
        )
    if row.floor_count < row.count:
        yield (
            f"There are too few real pictures for floors at {row.count}; "
            f"they compare {row.floor_count} with {row.floor_count}."
        )


def class_accuracy(made: Tensor, labels: Tensor) -> Row:
    """How often the fashion judge sees in a picture (N, C, H, W) the class (N,) that was asked for."""
    if len(labels) != len(made):
        raise BadInputError(f"{len(made)} made pictures and {len(labels)} labels came; give one label per picture.")
    share = (classify(made).argmax(1) == labels.cpu()).double().mean().item()
    low, high = wilson(share, len(made))
    card = read_card("fashion-judge")
    return Row(
        label="class accuracy",
        metric="class accuracy",
        features="fmnist",
        value=share,
        low=low,
        high=high,
        floor=card["test_accuracy"],
        count=len(made),
        floor_count=card["test_count"],
        dims=card["dims"],
        ideal=1.0,
        higher_is_better=True,
    )


# Wilson 1927 (JASA 22, 209-212); the form of Brown, Cai and DasGupta 2001, eq. 4.
def wilson(share: float, count: int, z: float = NORMAL) -> tuple[float, float]:
    """95 % interval of a share observed in `count` cases, within 0 .. 1.

    >>> [round(edge, 3) for edge in wilson(0.9, 100)]
    [0.826, 0.945]
    """
    shrink = 1 + z * z / count
    middle = (share + z * z / (2 * count)) / shrink
    reach = z * (share * (1 - share) / count + z * z / (4 * count * count)) ** 0.5 / shrink
    return max(0.0, middle - reach), min(1.0, middle + reach)
