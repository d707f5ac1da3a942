"""The report: equal numbers, honest names, floors, intervals, notes."""

import json
import math
import types
from typing import Any

import pytest
import torch
from torch import Tensor

from danqing.errors import BadInputError, MissingExtraError, NotFoundError, UsageError
from danqing.evaluate import Report, evaluate_sets
from danqing.evaluate import fid as fid_module
from danqing.evaluate.metrics import Sets
from danqing.evaluate.report import halved, interval, standard_error, student, wilson
from danqing.nn.chance import generator
from danqing.registry import get, names
from danqing.types import Progress
from intervals import share_held


def pictures(count: int, seed: int, contrast: float = 1.0) -> Tensor:
    """(count, 1, 28, 28) float in [-1, 1]: soft noise."""
    coarse = torch.rand(count, 1, 7, 7, generator=generator("test report", seed)) * 2 - 1
    return torch.nn.functional.interpolate(coarse * contrast, (28, 28), mode="bilinear")


@pytest.fixture(scope="module")
def report() -> Report:
    """300 made against 1000 training pictures of another contrast."""
    labels = torch.arange(300) % 10
    return evaluate_sets(
        pictures(1000, 0),
        pictures(100, 1),
        pictures(300, 2, 0.4),
        ["fmnist"],
        made_labels=labels,
        dataset="fashion-mnist",
    )


def test_one_row_per_metric_and_net(report: Report) -> None:
    assert [row.metric for row in report.rows] == [*names("metric"), "class accuracy"]
    assert {"FD-fmnist", "KID-fmnist", "class accuracy"} <= set(report.figures())
    assert not any("FID" in row.label for row in report.rows)


def test_both_sides_count_the_same(report: Report) -> None:
    compared = [row for row in report.rows if row.metric != "class accuracy"]
    assert {(row.count, row.floor_count, row.dims) for row in compared} == {(300, 300, 128)}
    assert (report.real_count, report.made_count) == (1100, 300)


def test_the_floor_is_better_than_worse_pictures(report: Report) -> None:
    for row in report.rows:
        if row.metric in ("frechet", "kid", "recall", "coverage"):
            better = row.floor > row.value if row.higher_is_better else row.floor < row.value
            assert better, row


def test_intervals_hold_the_value(report: Report) -> None:
    assert all(row.low <= row.value <= row.high for row in report.rows)
    for row in report.rows:
        if row.metric != "class accuracy":
            low, high = get("metric", row.metric).limits
            assert low <= row.low and row.high <= high
    assert all(row.low < row.high for row in report.rows if row.metric in ("frechet", "kid"))


def test_it_is_plain_data(report: Report) -> None:
    again = json.loads(json.dumps(report.plain(), allow_nan=False))
    assert again["rows"][0]["label"] == report.rows[0].label


def test_few_pictures_are_noted(report: Report) -> None:
    assert any("FD-fmnist of 300 pictures in 128 dimensions is biased" in note for note in report.notes)


def test_few_real_pictures_give_a_smaller_floor_and_a_note() -> None:
    report = evaluate_sets(pictures(100, 0), pictures(40, 1), pictures(500, 2), ["fmnist"], metrics=["kid"], splits=2)
    assert [(row.count, row.floor_count) for row in report.rows] == [(100, 70)]
    assert any("70 with 70" in note for note in report.notes)


def test_the_same_seed_gives_the_same_report() -> None:
    def once(seed: int) -> Report:
        return evaluate_sets(
            pictures(120, 0), pictures(20, 1), pictures(60, 2), ["fmnist"], metrics=["kid"], splits=3, seed=seed
        )

    assert once(1) == once(1)
    assert once(1).rows[0].value != once(2).rows[0].value


def test_uint8_and_float_agree() -> None:
    real = ((pictures(200, 0) + 1) * 127.5).round().to(torch.uint8)
    made = pictures(60, 2)
    rows = [
        evaluate_sets(side, side[:30], made, ["fmnist"], metrics=["frechet"], splits=2).rows[0]
        for side in (real, real.float() / 127.5 - 1)
    ]
    assert rows[0].value == pytest.approx(rows[1].value, rel=1e-4)


def test_an_interval_is_as_wide_as_the_chance_of_the_sample() -> None:
    """Halves of 400 numbers tell the standard error of their mean, s / sqrt(400)."""
    numbers = torch.randn(400, generator=generator("half"), dtype=torch.float64)
    orders = [torch.randperm(400, generator=generator("half", i)).chunk(2) for i in range(500)]
    halves = torch.tensor([[numbers[rows].mean() for rows in order] for order in orders])
    assert standard_error(halves) == pytest.approx(numbers.std().item() / math.sqrt(400), rel=0.15)


def test_halves_share_nothing_and_leave_nothing_out() -> None:
    numbers = torch.arange(21.0)[:, None]
    pair = halved(Sets(numbers, numbers), generator("halves"))
    for side in ("real", "made"):
        assert sorted(torch.cat([getattr(half, side) for half in pair])[:, 0].tolist()) == list(range(21))


@pytest.mark.parametrize(
    ("value", "halves", "limits", "low", "high"),
    [
        (1.0, [(0.9, 1.0), (1.0, 0.9), (0.9, 1.0)], (0, 1), 0.760, 1.0),
        (0.0, [(0.1, 0.0), (0.0, 0.1), (0.1, 0.0)], (0, 1), 0.0, 0.240),
        (0.0, [(0.0, 0.0), (0.0, 0.0)], (0, 1), 0.0, 0.0189),
        (1.0, [(1.0, 1.0), (1.0, 1.0)], (0, 1), 0.9811, 1.0),
        (0.2, [(0.1, 0.9), (0.9, 0.1), (0.1, 0.9)], (0, math.inf), 0.0, 1.473),
        (-0.2, [(0.1, 0.2), (0.2, 0.1), (0.1, 0.2)], (-math.inf, math.inf), -0.359, -0.041),
    ],
)
def test_an_interval_stays_within_its_limits(
    value: float, halves: list[tuple[float, float]], limits: tuple[float, float], low: float, high: float
) -> None:
    assert interval(value, halves, limits, 200) == (pytest.approx(low, abs=0.01), pytest.approx(high, abs=0.01))


@pytest.mark.parametrize(("freedom", "width"), [(5, 2.5706), (11, 2.2010), (100, 1.9840)])
def test_the_width_of_an_interval_is_students(freedom: int, width: float) -> None:
    assert student(freedom) == pytest.approx(width, rel=2e-3)


def test_intervals_cover_the_truth_95_times_in_100() -> None:
    """400 samples of simulated pictures; docs/report-card.md has more, and other settings."""
    held = share_held(300, 6, spread=0.8, shift=0.3, samples=400)
    assert all(0.93 <= share <= 0.97 for share in held.values()), held


def test_wilson_stays_within_zero_and_one() -> None:
    assert 1 - 1e-12 < wilson(1.0, 10)[1] <= 1
    assert wilson(0.0, 10)[0] == 0.0


def test_progress_is_told() -> None:
    told: list[Progress] = []
    evaluate_sets(
        pictures(60, 0), pictures(30, 1), pictures(60, 2), ["fmnist"], metrics=["kid"], splits=2, tell=told.append
    )
    assert told[0].act == "evaluate" and told[-1].done == 1.0


def test_what_makes_no_sense_is_refused() -> None:
    few, enough = pictures(5, 0), pictures(60, 1)
    with pytest.raises(BadInputError, match="5 made"):
        evaluate_sets(enough, few, few, ["fmnist"])
    with pytest.raises(NotFoundError, match="fmnist"):
        evaluate_sets(enough, few, enough, ["fmnits"])
    with pytest.raises(UsageError, match="at least 2"):
        evaluate_sets(enough, few, enough, ["fmnist"], splits=1)
    with pytest.raises(BadInputError, match="one label per picture"):
        evaluate_sets(
            enough,
            few,
            enough,
            ["fmnist"],
            metrics=["kid"],
            made_labels=torch.zeros(3),
            dataset="fashion-mnist",
            splits=2,
        )


def test_fid_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fid_module, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="fid"):
        fid_module.fid(torch.zeros(2, 1, 4, 4), torch.zeros(2, 1, 4, 4))


def test_fid_hands_coloured_pictures_to_torch_fidelity_and_tells_its_troubles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is not installed in tests (it needs torchvision); a stand-in takes its place at the door."""
    asked: dict[str, Any] = {}

    def calculate_metrics(**wishes: Any) -> dict[str, float]:
        asked.update(wishes)
        if len(wishes["input1"]) < 3:
            raise RuntimeError("too few")
        return {"frechet_inception_distance": 12.5}

    stand_in = types.SimpleNamespace(calculate_metrics=calculate_metrics, KEY_METRIC_FID="frechet_inception_distance")
    monkeypatch.setattr(fid_module, "find_spec", lambda name: object())
    monkeypatch.setattr(fid_module, "import_module", lambda name: stand_in)
    real, made = (torch.full((count, 1, 4, 4), count, dtype=torch.uint8) for count in (4, 3))
    assert fid_module.fid(real, made) == 12.5
    assert asked["fid"] and len(asked["input2"]) == 4
    one = asked["input1"][0]
    assert one.shape == (3, 4, 4) and one.dtype == torch.uint8 and (one == 3).all()
    with pytest.raises(BadInputError, match="too few"):
        fid_module.fid(real, made[:2])
