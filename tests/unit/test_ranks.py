"""Two processes under torchrun end with the weights of one at the same global batch."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from danqing import api, checkpoint

STEPS = 5
# Plain momentum: Adam's and Muon's first steps would blow rounding up to full size where a gradient is nearly zero.
SHARED = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "rate": "constant", "clip": 1.0, "warmup": 0, "ema": 0.5}
SHARED |= {"batch": 16, "flip": True, "precision": "fp32"}
MODELS: dict[str, dict[str, Any]] = {
    "flow-28": {**SHARED, "net": "transformer", "widths": [64], "fold": 7, "depth": 1, "few_step": 0.4, "steps": 2},
    "r3gan-28": {**SHARED, "widths": [24, 16], "critic_widths": [16, 24], "latent": 8, "augment": 0.5},
}
"""without batch norm, whose statistics are those of one process's share; few_step covers the shortcut loss"""
SCRIPT = """
import json, sys
from danqing import api
steps, data, out, models = sys.argv[1:]
for name, given in json.loads(models).items():
    trained = api.train(name, data, steps=int(steps), out=f"{out}/{name}", set=given, seed=3).result()
    assert trained.model.card.steps == int(steps)
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pictures.npz"
    pictures = np.random.default_rng(0).integers(0, 255, (60, 28, 28), dtype=np.uint8)
    np.savez(path, pictures=pictures, labels=np.arange(60) % 3)
    return path


@pytest.fixture(scope="module")
def by_two(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what two processes have trained."""
    out = tmp_path_factory.mktemp("two")
    (out / "script.py").write_text(SCRIPT)
    launcher = [
        "torch.distributed.run",
        "--nproc_per_node=2",
        "--master_addr=127.0.0.1",
        f"--master_port={free_port()}",
    ]
    arguments = [str(out / "script.py"), str(STEPS), str(data), str(out), json.dumps(MODELS)]
    done = subprocess.run(
        [sys.executable, "-m", *launcher, *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return out


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@pytest.mark.parametrize("name", sorted(MODELS))
def test_two_processes_equal_one(name: str, data: Path, by_two: Path, tmp_path: Path) -> None:
    api.train(name, data, steps=STEPS, out=tmp_path, set=MODELS[name], seed=3).result()
    (one, _), (two, state) = checkpoint.load_training(tmp_path), checkpoint.load_training(by_two / name)
    assert one.keys() == two.keys() and state["trainer"]["step"] == STEPS
    for key, value in one.items():
        near = min(1e-6, max(1e-7, 1e-3 * float(value.abs().max())))  # small tensors are held to their own size
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=near, msg=lambda text, key=key: f"{key}: {text}")
    moved = sorted((float(one[key].abs().max()) for key in one if key.startswith("optimizer/")), reverse=True)
    assert moved[5] > 1e-5, f"the comparison is empty where nothing was learned: {moved[:8]}"
