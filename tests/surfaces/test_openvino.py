"""The engine openvino. Its threads do not live through a fork, so every test works in a process of its own."""

import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import tiny_models
from danqing import api
from danqing.errors import UsageError
from danqing.images.writing import encode_png

SMALL: dict[str, Any] = {"steps": 2, "size": 64}


def apart(work: Callable[..., Any], *given: Any) -> Any:
    """What `work` gives, done elsewhere."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *given).result(timeout=300)


def painted(model: Path, **wishes: Any) -> np.ndarray:
    pixels: np.ndarray = api.paint("a cat", 1, 0, model, **SMALL, **wishes).result().pictures[0].pixels
    return pixels.astype(int)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in ("sd", "sdxl", "lcm", "flux"):
        tiny_models.write(name, folder / name)
    tiny_models.tiny_decoder(folder / "tiny")
    tiny_models.lora(folder / "loras", folder / "sd", "peft")
    return folder


def same_but_for_rounding(model: Path, out: Path) -> tuple[float, bool, bool]:
    """(mean difference in grey levels, taken off again, replayed)"""
    plain = painted(model)
    made = api.paint("a cat", 1, 0, model, engine="openvino", **SMALL).result().pictures[0]
    out.write_bytes(encode_png(made))
    difference = float(np.abs(made.pixels.astype(int) - plain).mean())
    return difference, bool((painted(model) == plain).all()), api.replay(out, model).result().same


@pytest.mark.parametrize("name", ["sd", "sdxl", "lcm"])
def test_it_paints_the_same_but_for_rounding(models: Path, name: str, tmp_path: Path) -> None:
    difference, off, replayed = apart(same_but_for_rounding, models / name, tmp_path / "one.png")
    assert difference < 6 and off and replayed


def decoded(model: Path, decoder: str) -> tuple[float, bool]:
    plain = painted(model, decoder=decoder)
    compiled = painted(model, decoder=decoder, engine="openvino")
    return float(np.abs(plain - compiled).mean()), bool((painted(model, decoder=decoder) == plain).all())


def test_a_tiny_decoder_is_compiled_too(models: Path) -> None:
    difference, off = apart(decoded, models / "sd", str(models / "tiny"))
    assert difference < 6 and off


def refused(model: Path, wishes: dict[str, Any]) -> str:
    try:
        painted(model, engine="openvino", **wishes)
    except UsageError as error:
        return str(error)
    return ""


def test_what_it_would_not_see_is_refused(models: Path) -> None:
    lora = str(models / "loras" / "peft-0.safetensors")
    assert "takes no LoRA" in apart(refused, models / "sd", {"loras": [lora]})
    assert "not compiled by OpenVINO yet" in apart(refused, models / "flux", {})
