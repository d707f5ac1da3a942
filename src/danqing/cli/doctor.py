"""danqing doctor: what this machine has, and what is fast on it; or how a training is"""

import os
import platform
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from danqing.cli.options import complete_paths, complete_runs
from danqing.cli.words import Talk
from danqing.version import __version__

if TYPE_CHECKING:
    from danqing.evaluate.health import Vitals

EXTRAS = {
    "video": "av",
    "tensorboard": "tensorboard",
    "search": "optuna",
    "svg": "vtracer",
    "clipart": "resvg_py",
    "fid": "torch_fidelity",
    "studio": "fastapi",
    "sd": "diffusers",
    "openvino": "openvino",
    "cn": "modelscope_hub",
}
"""extra -> the module that it brings"""


def doctor(
    talk: Talk,
    run: Annotated[
        Path | None,
        typer.Argument(metavar="[RUN]", help="A training's folder; without it the machine is examined.",
                       autocompletion=complete_runs),
    ] = None,
    data: Annotated[
        str | None,
        typer.Argument(metavar="[DATA]", help="What it learned from, where its folder does not say.",
                       autocompletion=complete_paths),
    ] = None,
) -> dict[str, Any]:  # fmt: skip
    """Show what this machine has and what is fast, or examine a training: what is wrong with it, and what helps."""
    return patient(talk, run, data) if run else workshop(talk)


def patient(talk: Talk, run: Path, data: str | None) -> dict[str, Any]:
    """How a training is."""
    from danqing import api

    found = talk.follow(api.examine(run, data))
    talk.table(("measure", *(f"step {one.step:,}" for one in found.looks), "healthy"), measures(found.looks))
    for entry in found.said:
        talk.note(f"Step {entry['step']:,}: {entry['illness']}. {entry['done']}".strip())
    for name, seen, advice in found.findings:
        talk.say(f"{name}: {seen} {advice}")
    if not found.findings:
        talk.say("Nothing is wrong with what it left.")
    if not found.watched:
        talk.note("No doctor was there while it trained, so only the end was looked at.")
    return found.plain()


MEASURES = {"variety": "1", "coverage": "1", "kinds": "1", "tilt": "0", "sharpness": "1", "novelty": "1", "lag": "1",
            "gap": "1", "bias": "0.5"}  # fmt: skip
"""what is shown, and what a healthy one has"""


def measures(looks: "tuple[Vitals, ...]") -> list[tuple[str, ...]]:
    def shown(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return [(name, *(shown(getattr(one, name)) for one in looks), healthy) for name, healthy in MEASURES.items()]


def workshop(talk: Talk) -> dict[str, Any]:
    """Cores, memory, device, precision, extras, folders."""
    from danqing.data.fashion_mnist import full_path
    from danqing.home import danqing_home

    found = {
        "danqing": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **machine(),
        **arithmetic(),
        "pretrained": pretrained(),
        "extras": {extra: find_spec(module) is not None for extra, module in EXTRAS.items()},
        "home": danqing_home(),
        "fashion_mnist": "full set" if full_path().exists() else "shipped subset; danqing data build fashion-mnist",
    }
    shown = {one["name"]: one["about"] for one in found["pretrained"]}
    talk.facts({name: value for name, value in found.items() if name != "pretrained"} | shown)
    return found


def pretrained() -> list[dict[str, Any]]:
    """Well-known models: what they need, whether that is there, how long a picture takes here."""
    from danqing.api.forecasts import forecasts
    from danqing.cli.drawing import duration

    rows = []
    for one in forecasts():
        room = f"needs {one.gigabytes:.1f} GB" + ("" if one.fits else ", more than is free")
        about = f"{room}; about {duration(one.seconds)} a picture"
        rows.append({"name": one.name, "gigabytes": round(one.gigabytes, 1), "fits": one.fits,
                     "seconds": round(one.seconds, 1), "about": about})  # fmt: skip
    return rows


def machine() -> dict[str, Any]:
    from danqing.data.pictures import free_memory

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    free = free_memory()
    return {"cores": cores, "free_memory_gb": None if free is None else round(free / 1e9, 1)}


def arithmetic() -> dict[str, Any]:
    """torch, its device, and the seconds of one small convolution in each number format."""
    import torch

    from danqing.nn import precision

    device = precision.best_device()
    return {
        "torch": torch.__version__,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "milliseconds": {name: round(1000 * s, 3) for name, s in precision.measured(device).items()},
        "precision": precision.choose("auto", device),
    }
