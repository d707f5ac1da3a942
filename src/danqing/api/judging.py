"""How good is a model? Its pictures against real ones, with intervals and the real-against-real floor."""

import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from danqing import registry
from danqing.api.act import act, shared
from danqing.api.models import Model
from danqing.api.painting import Wish, check_count, many, opened
from danqing.data import PictureSet
from danqing.data.sources import load_split
from danqing.errors import BadInputError, UsageError
from danqing.evaluate import FeatureNet, Report, classify, evaluate_sets
from danqing.evaluate.card import Judged, page
from danqing.evaluate.classes import told
from danqing.evaluate.copies import copies
from danqing.evaluate.fid import check_extra, fid
from danqing.evaluate.neighbours import mean_distance
from danqing.evaluate.spectrum import radial_power, sharpness
from danqing.nn.chance import generator
from danqing.types import DataCard, Progress

FEWEST = 50
"""pictures below which no measure means anything"""
MOST = 6
"""models that fit on a page"""
LEARNED = 20_000
"""training pictures that copies are looked for among"""
LOG = "log.jsonl"


@act
def evaluate(
    model: Model | str | Path,
    data: str | Path,
    n: int = 2000,
    seed: int = 0,
    sampler: str | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    with_fid: bool = False,
) -> Generator[Progress, None, Report]:
    """Paint `n` pictures (seeds from 1,000,000 + `seed`, unpicked) and compare them with `data`.

    Features: EfficientNet-Lite0 for everything, and the fashion judge's where the data is Fashion-MNIST. `with_fid`
    adds the FID of papers by torch-fidelity (the extra fid), against all training pictures.
    """
    ready = opened(model)
    check_enough(n, seed)
    if with_fid:
        check_extra()
    train, held = fitting(ready, data)
    made, labels = yield from painted(ready, n, seed, Wish(None, sampler, steps, guidance))
    report = compared(ready, train, held, made, labels, seed)
    if with_fid:
        yield Progress("evaluate", 0.9, n, message="Computing FID with torch-fidelity.")
        report = with_inception(report, train.pixels, made)
    yield Progress("evaluate", 1.0, n)
    return report


def with_inception(report: Report, real: Tensor, made: Tensor) -> Report:
    """The report with FID, or with a note that says why it has none: the rest was much work."""
    try:
        return replace(report, fid=fid(real, made))
    except BadInputError as error:
        return replace(report, notes=(*report.notes, str(error)))


@dataclass(frozen=True, eq=False)
class ReportCard:
    """Several models judged by the same real pictures."""

    models: tuple[Judged, ...]
    data: DataCard
    html: str
    """a whole page that needs nothing else"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        return {
            "data": vars(self.data) | {"left_out": dict(self.data.left_out)},
            "models": [one.plain() for one in self.models],
        }


@act
def report_card(
    models: Sequence[str | Path], data: str | Path, n: int = 2000, seed: int = 0, command: str = ""
) -> Generator[Progress, None, ReportCard]:
    """Judge models (folders) side by side: figures, samples, sharpness, copies, classes, costs, as a page.

    All must paint pictures of one size. `command` is printed on the page as what repeats it. Raises UsageError,
    NotFoundError, BadInputError, BadWeightsError.
    """
    if not 1 <= len(models) <= MOST:
        raise UsageError(f"{len(models)} models came; a report card holds 1 to {MOST}.")
    check_enough(n, seed)
    ready = [opened(folder) for folder in models]
    if len({(shape(one)) for one in ready}) > 1:
        sizes = ", ".join("{} x {} px, {} channels".format(shape(one)[0], *shape(one)) for one in ready)
        raise UsageError(f"The models paint pictures of different kinds ({sizes}); judge them one by one.")
    train, held = fitting(ready[0], data)
    names = distinct([Path(folder) for folder in models])
    chosen = torch.randperm(len(train), generator=generator("report card", seed))[:LEARNED]
    learned = train.take(chosen.sort().values)
    real = radial_power(train.pixels)
    judged = []
    for number, (model, folder, name) in enumerate(zip(ready, models, names, strict=True)):
        steps = one_judged(model, name, Path(folder), (train, held, learned), real, n, seed)
        judged.append((yield from shared(steps, number, len(models))))
    html = page(judged, learned.pixels, real, train.card, command)
    return ReportCard(tuple(judged), train.card, html)


def one_judged(
    model: Model,
    name: str,
    folder: Path,
    sets: tuple[PictureSet, PictureSet, PictureSet],
    real: Tensor,
    n: int,
    seed: int,
) -> Generator[Progress, None, Judged]:
    """All that is known of one model. `sets`: training, held-out, and those of the training that copies are looked for
    among; `real` is the power of the training pictures."""
    train, held, among = sets
    made, labels = yield from painted(model, n, seed, Wish())
    report = compared(model, train, held, made, labels, seed)
    net: FeatureNet = registry.get("features", report.rows[0].features)
    ours, learned, fresh = net(made), net(among.pixels), net(held.pixels) if len(held) else None
    mixed = torch.randperm(len(learned), generator=generator("spread", seed))[: len(ours)]
    seen = None
    if by_label(model, train) and train.card.name.startswith("fashion-mnist"):
        seen = told(labels, classify(made).argmax(1), len(train.card.labels))
    power = radial_power(made)
    return Judged(
        name, model.card, report, made, copies(learned, ours, fresh), power, sharpness(power, real),
        mean_distance(ours) / mean_distance(learned[mixed]), seen, curve_of(folder),
    )  # fmt: skip


def painted(model: Model, n: int, seed: int, wish: Wish) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
    """(n, C, S, S) uint8 and the labels (n,) that were asked for, -1 for none."""
    pictures, labels = [], []
    for group, of_group in many(model, n, 1_000_000 + seed, wish):
        pictures.append(group)
        labels.append(of_group)
        done = sum(map(len, pictures))
        yield Progress("evaluate", 0.7 * done / n, done, message="" if done < n else "Comparing with real pictures.")
    return torch.cat(pictures), torch.cat(labels)


def compared(model: Model, train: PictureSet, held: PictureSet, made: Tensor, labels: Tensor, seed: int) -> Report:
    name = train.card.name
    nets = ("fmnist", "effl0") if name.startswith("fashion-mnist") else ("effl0",)
    known = labels if by_label(model, train) else None
    return evaluate_sets(train.pixels, held.pixels, made, nets, made_labels=known, dataset=name, seed=seed)


def check_enough(n: int, seed: int) -> None:
    check_count(n, seed)
    if n < FEWEST:
        raise UsageError(f"{n} pictures are too few to judge a model by; choose {FEWEST} or more.")


def shape(model: Model) -> tuple[int, int]:
    """Side and channels of what it paints."""
    return model.config.size, model.config.channels  # type: ignore[attr-defined]


def fitting(model: Model, data: str | Path) -> tuple[PictureSet, PictureSet]:
    """Training and held-out pictures as the model paints them."""
    size, channels = shape(model)
    return load_split(data, size=size, channels=channels)


def by_label(model: Model, train: PictureSet) -> bool:
    """Whether the model is asked for the very classes that the data has."""
    return "label" in model.family.takes(model.config) and model.labels == train.card.labels


def distinct(folders: Sequence[Path]) -> list[str]:
    """The folders' names, with those above them where two are called alike."""
    names = [folder.resolve().name for folder in folders]
    if len(set(names)) < len(names):
        names = ["/".join(folder.resolve().parts[-2:]) for folder in folders]
    return names if len(set(names)) == len(names) else [f"{name} ({i + 1})" for i, name in enumerate(names)]


def curve_of(folder: Path) -> list[Mapping[str, float]]:
    """The training's log, if it lies beside the weights; broken lines are passed over."""
    found: list[Mapping[str, float]] = []
    if (folder / LOG).is_file():
        for text in (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                found.append({k: v for k, v in line.items() if isinstance(v, (int, float))})
    return found
