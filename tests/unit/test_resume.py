"""A training that is killed again and again ends with the same bytes as one that is not."""

import multiprocessing
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from danqing import api, checkpoint
from danqing.api.logs import read_lines
from danqing.data import load
from danqing.errors import NotFoundError, UsageError

KILLS = 20
SMALL: dict[str, tuple[str, dict[str, Any]]] = {
    "gan": ("r3gan-28", {"widths": [24, 16], "critic_widths": [8, 16], "latent": 8, "optimizer": "muon"}),
    "vae": (
        "latent-flow-28",
        {"widths": [8, 16], "up_widths": [16, 8], "latent": 4, "prior_width": 32, "prior_steps": 1},
    ),
    "diffusion": ("flow-28", {"widths": [32], "fold": 7, "depth": 1, "few_step": 0.3, "steps": 1}),
}
"""family -> a preset made tiny; between them Adam and Muon, batch norm, two phases, spans, running class means"""
SHARED = {"batch": 16, "flip": True, "rotate": 10.0, "warmup": 5, "precision": "fp32"}
PER_FAMILY = pytest.mark.parametrize("family", sorted(SMALL))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 pictures of Fashion-MNIST."""
    path = tmp_path_factory.mktemp("data") / "fashion.npz"
    some = load("fashion-mnist-small").take(range(200))
    np.savez(path, pictures=some.pixels[:, 0].numpy(), labels=some.labels.numpy())
    return path


def train(family: str, data: Path, out: Path, steps: int, **more: Any) -> api.Trained:
    preset, changes = SMALL[family]
    return api.train(preset, data, steps=steps, out=out, set={**SHARED, **changes}, seed=5, **more).result()


def child(family: str, data: Path, out: Path, steps: int) -> None:
    """Begin, or go on where there is something to go on with; the state is saved after every step."""
    train(family, data, out, steps, save_every=0.0, resume=(out / checkpoint.TRAINING).exists())


@pytest.fixture(scope="module")
def processes() -> Any:
    """New processes that have torch and Danqing loaded already."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch._dynamo", "danqing.api", "danqing.families", "danqing.data"])
    return context


def final(folder: Path) -> tuple[str, dict[str, Any], str]:
    """Digest of all tensors, the numbers but the time, and the hash of the finished model."""
    tensors, state = checkpoint.load_training(folder)
    numbers = {name: value for name, value in state["trainer"].items() if name != "seconds"}
    return checkpoint.digest(tensors), numbers, checkpoint.load_model(folder)[2]


def whole(folder: Path) -> None:
    """Whatever has its final name can be loaded; what a kill left half-written has another name."""
    for name in {path.name for path in folder.glob("*")} & {checkpoint.TRAINING, checkpoint.WEIGHTS}:
        checkpoint.load_training(folder) if name == checkpoint.TRAINING else api.load(folder)


@PER_FAMILY
def test_killed_at_random_moments_and_resumed(family: str, data: Path, tmp_path: Path, processes: Any) -> None:
    """20 times kill -9, at any moment from the start of the process on; a run that comes to its end is begun anew."""
    chance, steps, reached = random.Random(family), 40, [0]
    train(family, data, tmp_path / "unbroken", steps)
    life = 1.5 * one_step(processes, family, data, tmp_path)  # time for a start and some steps on this machine
    for _ in range(KILLS):
        folder = tmp_path / f"broken-{reached.count(steps)}"
        process = run(processes, family, data, folder, steps)
        process.join(chance.uniform(0.0, life))
        process.kill()
        process.join()
        whole(folder)
        if (folder / checkpoint.TRAINING).exists():
            reached.append(checkpoint.load_training(folder)[1]["trainer"]["step"])
    assert sum(0 < step < steps for step in reached) >= 2, reached
    for folder in tmp_path.glob("broken-*"):
        last = run(processes, family, data, folder, steps)
        last.join()
        assert last.exitcode == 0 and final(folder) == final(tmp_path / "unbroken"), reached


def one_step(processes: Any, family: str, data: Path, folder: Path) -> float:
    """Seconds that a process with one step lives, when the server of processes is up."""
    for name in ("first", "second"):
        begin = time.monotonic()
        run(processes, family, data, folder / name, 1).join()
    return time.monotonic() - begin


def run(processes: Any, *arguments: Any) -> Any:
    process = processes.Process(target=child, args=arguments)
    process.start()
    return process


@PER_FAMILY
def test_stopped_and_resumed_in_one_process(family: str, data: Path, tmp_path: Path) -> None:
    """Ctrl+C, as a caller that stops listening: everything is kept, and going on changes nothing."""
    train(family, data, tmp_path / "unbroken", 12)
    preset, changes = SMALL[family]
    act = api.train(preset, data, steps=12, out=tmp_path / "broken", set={**SHARED, **changes}, seed=5)
    for event in act:
        if event.step == 5:
            break
    assert checkpoint.load_training(tmp_path / "broken")[1]["trainer"]["step"] == 5
    assert api.load(tmp_path / "broken").card.steps == 5
    api.train(preset, data, out=tmp_path / "broken", resume=True).result()  # the plan is in the state
    assert final(tmp_path / "broken") == final(tmp_path / "unbroken")


def test_the_best_score_is_remembered(data: Path, tmp_path: Path) -> None:
    """Early stopping after a break stops where it would have stopped, with the same best weights."""
    preset, changes = SMALL["vae"]
    given = {**SHARED, **changes, "score_every": 0.25, "patience": 2, "optimizer": "sgd", "lr": 1.0}
    whole = api.train(preset, data, steps=8, out=tmp_path / "unbroken", set=given).result()
    for event in api.train(preset, data, steps=8, out=tmp_path / "broken", set=given):
        if event.message.startswith("Score"):
            break
    again = api.train(preset, data, out=tmp_path / "broken", resume=True).result()
    assert final(tmp_path / "broken") == final(tmp_path / "unbroken") and again.message == whole.message
    assert any(name.startswith("best/") for name in checkpoint.load_training(tmp_path / "broken")[0])


def test_a_finished_run_goes_on_with_a_larger_budget(data: Path, tmp_path: Path) -> None:
    train("diffusion", data, tmp_path, 4)
    trained = train("diffusion", data, tmp_path, 9, resume=True)
    assert trained.model.card.steps == 9 and "done" in trained.message
    again = train("diffusion", data, tmp_path, 9, resume=True)
    assert again.model.hash == trained.model.hash and again.model.card.steps == 9


def test_other_pictures_are_refused(data: Path, tmp_path: Path) -> None:
    train("vae", data, tmp_path / "run", 2)
    pictures = np.random.default_rng(0).integers(0, 255, (40, 28, 28), dtype=np.uint8)
    np.savez(tmp_path / "other.npz", pictures=pictures)
    with pytest.raises(UsageError, match="are not those that the unfinished training saw") as caught:
        api.train("latent-flow-28", tmp_path / "other.npz", steps=4, out=tmp_path / "run", resume=True).result()
    assert caught.value.exit_code == 2


def test_another_preset_is_refused(data: Path, tmp_path: Path) -> None:
    train("vae", data, tmp_path, 2)
    with pytest.raises(UsageError, match="is of latent-flow-28, not conv-28"):
        api.train("conv-28", data, steps=4, out=tmp_path, resume=True).result()


def test_nothing_to_resume_and_nothing_to_write_over(data: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no unfinished training"):
        train("vae", data, tmp_path / "none", 2, resume=True)
    train("vae", data, tmp_path / "run", 2)
    with pytest.raises(UsageError, match="add --resume"):
        train("vae", data, tmp_path / "run", 2)


def test_the_log_has_every_step_once(data: Path, tmp_path: Path) -> None:
    train("vae", data, tmp_path, 4)
    train("vae", data, tmp_path, 8, resume=True)
    assert [line["step"] for line in read_lines(tmp_path / "log.jsonl")] == [*range(1, 9)]
