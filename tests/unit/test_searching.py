"""danqing search: settings are tried, bad ones given up, and an interrupted search goes on."""

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from danqing import api
from danqing.api import searching
from danqing.cli.door import main
from danqing.errors import BadInputError, MissingExtraError, UsageError
from danqing.presets import all_presets
from danqing.types import Progress

pytest.importorskip("optuna")


@pytest.mark.parametrize("preset", sorted(all_presets()))
def test_every_preset_has_something_to_search_and_every_factor_makes_a_valid_setting(preset: str) -> None:
    space = searching.space_of(all_presets()[preset])
    values = searching.values_of(all_presets()[preset])
    assert {"lr", "batch"} <= space.keys()
    for end in ("low", "high"):
        trial = Fixed({name: how.get(end, how.get("one_of", [1])[0]) for name, how in space.items()})
        given = searching.proposed(trial, space, values)
        searching.overrides(all_presets()[preset], given)  # raises for what is not possible
        assert given["lr"] == pytest.approx(values["lr"] * space["lr"][end])


class Fixed:
    """A trial whose factors are known."""

    def __init__(self, factors: dict[str, float]) -> None:
        self.factors = factors

    def suggest_float(self, name: str, *_: float, log: bool) -> float:
        return self.factors[name]

    def suggest_categorical(self, name: str, _: Any) -> float:
        return self.factors[name]


def pretend(monkeypatch: pytest.MonkeyPatch, stop_at: int | None = None) -> list[dict[str, Any]]:
    """Trainings that take no time and whose score is better the larger the rate; the one `stop_at` is cut off."""
    seen: list[dict[str, Any]] = []

    def train(what: str, data: Any, *, out: Path, set: dict[str, Any], **_: Any) -> Generator[Progress, None, None]:
        seen.append(set)
        if stop_at is not None and len(seen) > stop_at:
            raise KeyboardInterrupt
        rate = set.get("lr", all_presets()[what].train.get("lr", 1e-3))
        for check in range(1, 6):
            yield Progress("train", check / 5, figures={"score": 1 / (1e4 * rate) / check})

    clock = iter(range(0, 10_000, 60))
    monkeypatch.setattr(searching, "train", train)
    monkeypatch.setattr(searching.time, "perf_counter", lambda: float(next(clock)))
    monkeypatch.setattr(searching, "compared", lambda folder, *_: no_card(folder))
    return seen


def no_card(folder: Path) -> Generator[Progress, None, Path]:
    yield Progress("search", 1.0)
    return folder / "card.html"


def test_the_first_is_the_preset_bad_ones_are_given_up_and_the_best_wins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = pretend(monkeypatch)
    found = api.search("conv-28", "fashion-mnist-small", hours=0.5, minutes=1, out=tmp_path).result()
    assert seen[0] == {"score_every": 0.2} and found.trials[0].settings == {}
    assert len(found.trials) == len(seen) > 10
    done = [one for one in found.trials if one.score is not None]
    assert found.best.score == min(one.score for one in done if one.score is not None)
    assert found.best.settings["lr"] == max(one.settings.get("lr", 1.0) for one in done) > 1
    assert any(one.state == "pruned" for one in found.trials)


def test_a_search_that_was_cut_off_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, stop_at=3)
    with pytest.raises(KeyboardInterrupt):
        api.search("conv-28", "fashion-mnist-small", hours=0.2, minutes=1, out=tmp_path).result()
    seen = pretend(monkeypatch)
    found = api.search("conv-28", "fashion-mnist-small", hours=0.2, minutes=1, out=tmp_path).result()
    states = [one.state for one in found.trials]
    assert states[3] == "fail" and states[:3].count("complete") == 3 and len(found.trials) == 4 + len(seen)
    assert all("score_every" in settings and len(settings) > 1 for settings in seen)  # the preset is not tried again


def test_more_hours_go_on_and_another_data_set_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = pretend(monkeypatch)
    one = api.search("conv-28", "fashion-mnist-small", hours=0.1, out=tmp_path).result()
    two = api.search("conv-28", "fashion-mnist-small", hours=0.2, out=tmp_path).result()
    assert len(two.trials) > len(one.trials) and two.trials[: len(one.trials)] == one.trials
    assert sum(len(settings) == 1 for settings in seen) == 1  # the preset once
    proposals = [tuple(sorted(settings.items())) for settings in seen]
    assert len(set(proposals)) == len(proposals)
    with pytest.raises(UsageError, match="another data"):
        api.search("conv-28", "photos.zip", hours=0.2, out=tmp_path).result()


def test_a_training_that_fails_ends_nothing_but_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch)
    good = searching.train

    def train(what: str, data: Any, *, out: Path, **rest: Any) -> Generator[Progress, None, None]:
        if out.name == "trial-001":
            raise BadInputError("Some pictures have no finite features.")
        if out.name == "trial-002":
            yield Progress("train", 1.0, figures={"score": float("nan")})
            return
        yield from good(what, data, out=out, **rest)

    monkeypatch.setattr(searching, "train", train)
    found = api.search("conv-28", "fashion-mnist-small", hours=0.2, minutes=1, out=tmp_path).result()
    assert [one.state for one in found.trials[:4]] == ["complete", "fail", "fail", "complete"]


def test_real_trainings(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("danqing.api.scoring.COUNT", 40)
    budget = ["--hours", "0.001", "--minutes", "0.02"]
    assert main(["search", "dcgan-28", "fashion-mnist-small", *budget, "--out", str(tmp_path), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["trials"][0]["score"] is not None and (tmp_path / "trial-000" / "weights.safetensors").exists()


def test_what_cannot_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="more than none"):
        api.search("conv-28", "fashion-mnist-small", hours=0).result()
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(MissingExtraError, match="danqing\\[search\\]"):
        api.search("conv-28", "fashion-mnist-small").result()
