"""A doctor beside real, very short trainings: it disturbs nothing, sees planted faults, and treats them."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from danqing import api, checkpoint
from danqing.api import doctoring
from danqing.api.plans import Plan, overrides
from danqing.api.training import Run
from danqing.data import load_split
from danqing.errors import NotFoundError, UsageError
from danqing.evaluate.health import ILLNESSES, Vitals
from danqing.images.writing import write_array
from danqing.presets import get_preset

DATA = "fashion-mnist-small"
GAN = {"net": "residual", "latent": 8, "widths": [8, 8], "critic_widths": [8, 8], "batch": 16, "warmup": 0}
WELL = Vitals(10, 0.5, 0.95, 1.0, 0.9, 1.0, 0.0, 0.9, 1.0, 1.2, 0.95)


@pytest.fixture(autouse=True)
def generous(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The doctor looks as often as it likes, at few pictures."""
    monkeypatch.setattr(doctoring, "DEAR", 1e9)
    monkeypatch.setattr(doctoring, "LOOKED_AT", 16)
    monkeypatch.setattr(doctoring, "LEARNED", 64)
    monkeypatch.setattr(doctoring, "REAL", 64)
    yield


def run_of(folder: Path, doctor: Any, preset: str = "r3gan-28", steps: int = 20, **given: Any) -> Run:
    train, held = load_split("fashion-mnist-small", size=28)
    chosen = get_preset(preset)
    model, settings = overrides(chosen, (GAN if chosen.family == "gan" else {}) | given)
    model |= {"channels": 1, "classes": 10}
    plan = Plan(preset, "fashion-mnist-small", model, settings, 0, {"steps": steps}, train.card.sha256, "fp32")
    return Run(plan, train, held, folder, "cpu", doctor=doctor)


def ended(run: Run) -> list[str]:
    """Runs it; what was said."""
    return [progress.message for progress in run.go(1e9, False)]


def test_looking_changes_nothing(tmp_path: Path) -> None:
    weights = {}
    for policy in ("off", "warn"):
        trained = api.train("r3gan-28", "fashion-mnist-small", steps=12, out=tmp_path / policy, set=GAN, doctor=policy)
        weights[policy] = trained.result().model.hash
    assert weights["off"] == weights["warn"]
    assert not (tmp_path / "off" / doctoring.FILE).exists()
    looks = json.loads((tmp_path / "warn" / doctoring.FILE).read_text())["looks"]
    assert 3 <= len(looks) <= 10 and looks[-1]["step"] <= 12


def test_a_training_without_time_for_it_is_not_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring, "DEAR", 0.05)
    api.train("r3gan-28", "fashion-mnist-small", steps=3, out=tmp_path, set=GAN).result()
    assert not (tmp_path / doctoring.FILE).exists()


def test_a_broken_pipeline_is_named_and_the_training_stopped(tmp_path: Path) -> None:
    run = run_of(tmp_path, "act")
    at = run.batches.at
    run.batches.at = lambda step: at(min(step, 4))  # type: ignore[method-assign]
    said = ended(run)
    assert any("batches are broken" in text and "stopped" in text for text in said)
    assert run.trainer.step < 20
    assert run.doctor and run.doctor.said[0]["illness"] == "pipeline"


def test_a_training_that_came_apart_goes_back_and_slower(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctoring, "illnesses_of", lambda looks: [])
    monkeypatch.setattr(doctoring, "back_signs", lambda looks: False)
    run = run_of(tmp_path, "act")
    assert run.doctor
    run.doctor.visit(0.5)
    before = {name: value.clone() for name, value in run.trainer.model.state_dict().items()}
    with torch.no_grad():
        for value in run.trainer.model.parameters():
            value.mul_(50)
    monkeypatch.undo()
    run.doctor.history = [WELL, replace(WELL, distance=99.0, done=0.6), replace(WELL, distance=99.0, done=0.7)]
    sick = doctoring.illnesses_of(run.doctor.history)[0]
    done = run.doctor.treat(sick)
    assert "healthy weights of step 0" in done and run.trainer.rate_factor == 0.25
    run.doctor.treat(sick)
    assert run.trainer.rate_factor == 0.25**2
    assert all(torch.equal(value, before[name]) for name, value in run.trainer.model.state_dict().items())


@pytest.mark.parametrize(
    ("illness", "preset", "given", "changed"),
    [
        ("collapse", "r3gan-28", {"loss": "hinge", "penalty": "none"}, {"loss": "relativistic", "penalty": "r1+r2"}),
        ("collapse", "r3gan-28", {}, {"gamma": 0.4}),
        ("critic-overfits", "r3gan-28", {}, {"augment": 0.5}),
        ("smooth", "conv-28", {"beta": 8.0, "widths": [8, 8], "up_widths": [8, 8]}, {"beta": 1.0}),
    ],
)  # fmt: skip
def test_what_helps_is_changed_and_the_training_goes_on(
    tmp_path: Path, illness: str, preset: str, given: dict[str, Any], changed: dict[str, Any]
) -> None:
    run = run_of(tmp_path, "act", preset, steps=4, **given)
    assert run.doctor
    said = run.doctor.treat(ILLNESSES[illness])
    assert all(f"{name} = {value}" in said for name, value in changed.items())
    assert all(getattr(run.config, name) == value for name, value in changed.items())
    run.doctor.treated = doctoring.TREATMENTS  # from here on it only warns
    ended(run)
    card = api.load(tmp_path).card
    assert all(card.config[name] == value for name, value in changed.items())


@pytest.mark.parametrize(
    ("given", "done", "healthy", "says", "begins"),
    [
        ({"loss": "hinge", "penalty": "none"}, 0.4, True, "Began anew. Changed loss = relativistic", True),
        ({"loss": "hinge", "penalty": "none"}, 0.6, True, "healthy weights of step 3. Changed loss", False),
        ({"loss": "hinge", "penalty": "none"}, 0.6, False, "present weights: it is too late", False),
        ({"loss": "hinge", "penalty": "r1"}, 0.4, True, "healthy weights of step 3. The learning rate", False),
        ({}, 0.4, False, "Began anew. The learning rate", True),
        ({}, 0.9, False, "present weights: it is too late to begin anew. The learning rate", False),
    ],
)
def test_where_a_training_that_came_apart_goes_on(
    tmp_path: Path, given: dict[str, Any], done: float, healthy: bool, says: str, begins: bool
) -> None:
    run = run_of(tmp_path, "act", **given)
    doctor = run.doctor
    assert doctor
    first = {name: value.clone() for name, value in run.trainer.model.state_dict().items()}
    for progress in run.trainer.run():
        if progress.step == 3:
            break
    doctor.healthy = run.trainer.copied() if healthy else None
    doctor.history, run.best.misses = [WELL, replace(WELL, distance=9.0, done=done, step=300)], 2
    assert says in doctor.treat(ILLNESSES["divergence"])
    assert run.best.misses == 0
    now = run.trainer.model.state_dict()
    assert all(torch.equal(value, now[name]) for name, value in first.items()) == begins
    assert (doctor.healthy is None) == (begins or not healthy)


def test_what_was_just_treated_has_time_to_get_well(tmp_path: Path) -> None:
    run = run_of(tmp_path, "act", loss="hinge", penalty="none")
    doctor, ill = run.doctor, {"variety": 0.1, "spread": 0.1, "coverage": 0.0}
    assert doctor
    doctor.history = [replace(WELL, step=200, done=0.2, **ill), replace(WELL, step=300, done=0.3, **ill)]
    assert [one.name for one in doctoring.illnesses_of(doctor.course())] == ["collapse"]
    doctor.treat(ILLNESSES["collapse"])
    doctor.history = [replace(WELL, step=step, done=step / 1000, **ill) for step in (440, 500)]
    assert doctoring.illnesses_of(doctor.course()) == []
    doctor.history = [replace(WELL, step=step, done=step / 1000, **ill) for step in (500, 560)]
    assert [one.name for one in doctoring.illnesses_of(doctor.course())] == ["collapse"]


def test_an_average_that_lags_begins_anew_and_is_shorter(tmp_path: Path) -> None:
    run = run_of(tmp_path, "act", ema=2.0)
    assert run.doctor
    with torch.no_grad():
        next(iter(run.trainer.painter.parameters())).add_(1.0)
    assert "0.5" in run.doctor.treat(ILLNESSES["average"])
    live = run.trainer.painter.state_dict()
    assert all(torch.equal(value, live[name]) for name, value in run.trainer.average.module.state_dict().items())
    assert run.plan.train["ema"] == 0.5


def test_a_stopped_training_knows_its_doctor_again(tmp_path: Path) -> None:
    first = run_of(tmp_path, "warn")
    for number, _ in enumerate(first.go(0, False)):
        if number == 14:
            break
    second = run_of(tmp_path, "warn")
    second.restore(*checkpoint.load_training(tmp_path))
    assert first.doctor and second.doctor
    assert second.doctor.history and second.doctor.plain() == first.doctor.plain()


@pytest.mark.parametrize(("at", "where"), [(10, "Began anew"), (12, "healthy weights of step 6")])
def test_a_treated_training_that_was_stopped_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, where: str
) -> None:
    """Collapse is diagnosed at a fixed step: another game begins anew or, later, at the healthy weights of another."""
    monkeypatch.setattr(doctoring, "back_signs", lambda looks: looks[-1].step > 6)
    collapse = [ILLNESSES["collapse"]]
    monkeypatch.setattr(doctoring, "illnesses_of", lambda looks: collapse if looks[-1].step == at else [])
    whole = run_of(tmp_path / "whole", "act", loss="hinge", penalty="none")
    assert any(where in text for text in ended(whole))
    for stop in (8, 14):
        folder = tmp_path / str(stop)
        first = run_of(folder, "act", loss="hinge", penalty="none")
        for progress in first.go(0, False):
            if progress.step == stop:
                break
        tensors, state = checkpoint.load_training(folder)
        train, held = load_split("fashion-mnist-small", size=28)
        second = Run(Plan(**state["plan"]), train, held, folder, "cpu", doctor="act")
        second.restore(tensors, state)
        ended(second)
        assert api.load(folder).hash == api.load(tmp_path / "whole").hash
        assert api.load(folder).card.config["loss"] == "relativistic"  # type: ignore[index]


def test_the_command_that_began_a_treated_training_goes_on_with_it(tmp_path: Path) -> None:
    asked = GAN | {"loss": "hinge", "penalty": "none"}
    run = run_of(tmp_path, "act", steps=6, loss="hinge", penalty="none")
    assert run.doctor
    for progress in run.go(0, False):
        if progress.step == 2:
            run.doctor.treat(ILLNESSES["collapse"])
        if progress.step == 3:
            break
    again = api.train("r3gan-28", DATA, steps=6, out=tmp_path, set=asked, resume=True, doctor="warn").result()
    assert again.model.card.config["loss"] == "relativistic"
    with pytest.raises(UsageError, match="loss = hinge"):
        api.train("r3gan-28", DATA, out=tmp_path, set={"loss": "wasserstein"}, resume=True).result()


def test_a_stop_without_healthy_weights_keeps_what_was_learned(tmp_path: Path) -> None:
    run = run_of(tmp_path, "act", steps=4)
    assert run.doctor
    for progress in run.trainer.run():
        if progress.step == 3:
            break
    before = {name: value.clone() for name, value in run.trainer.model.state_dict().items()}
    run.doctor.treat(ILLNESSES["overfits"])
    assert run.doctor.ended
    assert all(torch.equal(value, before[name]) for name, value in run.trainer.model.state_dict().items())


@pytest.mark.parametrize("count", [12, 30])
def test_small_sets_are_trained_on_with_or_without_a_doctor(tmp_path: Path, count: int) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(count):
        write_array(np.full((28, 28, 3), number * 5, np.uint8), folder / f"{number}.png")
    trained = api.train("r3gan-28", folder, steps=4, out=tmp_path / "model", set=GAN, doctor="act").result()
    assert trained.model.card.steps <= 4
    assert (tmp_path / "model" / doctoring.FILE).exists() == (count > 20)


def test_several_processes_are_only_warned(tmp_path: Path) -> None:
    train, held = load_split("fashion-mnist-small", size=28)
    run = run_of(tmp_path, "off")
    with pytest.raises(UsageError, match="one process"):
        Run(run.plan, train, held, tmp_path, "cpu", 0, 2, doctor="act")
    with pytest.raises(NotFoundError, match="warn"):
        Run(run.plan, train, held, tmp_path, "cpu", doctor="wran")  # type: ignore[arg-type]


def test_a_finished_training_is_examined(tmp_path: Path) -> None:
    api.train("r3gan-28", "fashion-mnist-small", steps=6, out=tmp_path, set=GAN).result()
    found = api.examine(tmp_path).result()
    assert found.watched and len(found.looks) >= 2 and found.looks[-1].done == 1
    assert "collapse" in {name for name, _, _ in found.findings}  # six steps teach nothing
    json.dumps(found.plain())


def test_examining_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        api.examine(tmp_path / "nothing").result()
    run = api.train("r3gan-28", "fashion-mnist-small", steps=2, out=tmp_path, set=GAN, doctor="off").result()
    (tmp_path / "training.safetensors").unlink()
    with pytest.raises(UsageError, match="name the data"):
        api.examine(run.folder).result()
    (tmp_path / doctoring.FILE).write_text("{")
    found = api.examine(run.folder, "fashion-mnist-small").result()
    assert not found.watched and len(found.looks) == 1
