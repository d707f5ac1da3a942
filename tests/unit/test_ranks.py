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

from danqing import checkpoint

STEPS = 5
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "flow": ("flow-28", {"widths": [64], "fold": 7, "depth": 1, "few_step": 0.4, "steps": 2}),
    "game": ("r3gan-28", {"widths": [24, 16], "critic_widths": [16, 24], "latent": 8, "augment": 0.5}),
}
"""without batch norm, whose statistics are those of one process's share; few_step covers the shortcut loss"""
SCRIPT = """
import json, sys
from danqing import api
preset, data, out, given = sys.argv[1:]
api.train(preset, data, steps=%d, out=out, set=json.loads(given), seed=3).result()
""" % STEPS  # noqa: UP031


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "pictures.npz"
    chance = np.random.default_rng(0)
    pictures = chance.integers(0, 255, (60, 28, 28), dtype=np.uint8)
    np.savez(path, pictures=pictures, labels=np.arange(60) % 3)
    return path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def trained(name: str, data: Path, out: Path, processes: int) -> dict[str, torch.Tensor]:
    script = out.with_suffix(".py")
    script.write_text(SCRIPT)
    preset, given = MODELS[name][0], dict(MODELS[name][1])
    # plain momentum: Adam's and Muon's first steps would blow rounding up to full size where a gradient is nearly zero
    given |= {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "rate": "constant", "clip": 1.0}
    given |= {"batch": 16, "warmup": 0, "flip": True, "precision": "fp32", "ema": 0.5}
    launcher = ["-m", "torch.distributed.run", f"--nproc_per_node={processes}", "--master_addr=127.0.0.1",
                f"--master_port={free_port()}"] if processes > 1 else []  # fmt: skip
    command = [sys.executable, *launcher, str(script), preset, str(data), str(out), json.dumps(given)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    tensors, state = checkpoint.load_training(out)
    assert state["trainer"]["step"] == STEPS
    return tensors


@pytest.mark.parametrize("name", sorted(MODELS))
def test_two_processes_equal_one(name: str, data: Path, tmp_path: Path) -> None:
    one, two = (trained(name, data, tmp_path / str(count), count) for count in (1, 2))
    assert one.keys() == two.keys()
    for key, value in one.items():
        torch.testing.assert_close(two[key], value, rtol=1e-4, atol=1e-6, msg=lambda text, key=key: f"{key}: {text}")
    moved = [key for key in one if key.startswith("optimizer/") and one[key].abs().max() > 1e-3]
    assert len(moved) > 5, "the comparison is empty where nothing was learned"
