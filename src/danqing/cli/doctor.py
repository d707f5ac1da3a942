"""danqing doctor: what this machine has, and what is fast on it"""

import os
import platform
from importlib.util import find_spec
from typing import Any

from danqing.cli.words import Talk
from danqing.version import __version__

EXTRAS = {"video": "av", "tensorboard": "tensorboard"}
"""extra -> the module that it brings"""


def doctor(talk: Talk) -> dict[str, Any]:
    """Show what this machine has and what is fast. Cores, memory, device, precision, extras, folders."""
    from danqing.data.fashion_mnist import full_path
    from danqing.home import danqing_home

    found = {
        "danqing": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        **machine(),
        **arithmetic(),
        "extras": {extra: find_spec(module) is not None for extra, module in EXTRAS.items()},
        "home": danqing_home(),
        "fashion_mnist": "full set" if full_path().exists() else "shipped subset; danqing data build fashion-mnist",
    }
    talk.facts(found)
    return found


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
