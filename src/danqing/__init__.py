"""Danqing (丹青): an AI painting studio for the machine you have.

import danqing
pictures = danqing.paint("an orange cat with a red hat", n=4).result().pictures
trained = danqing.train("diffusion", "fashion-mnist", minutes=2).result()
pictures = danqing.sample(trained.model, n=4, seed=7, label="dress").result()
"""

import sys
from types import ModuleType
from typing import Any

from danqing.version import __version__

__all__ = [
    "__version__",
    "blend",
    "describe",
    "edit",
    "evaluate",
    "evaluate_painter",
    "glimpse",
    "info",
    "interpolate",
    "load",
    "load_painter",
    "paint",
    "reconstruct",
    "replay",
    "sample",
    "sources",
    "stylize",
    "train",
    "train_painter",
    "upscale",
    "vary",
]


class _Door(ModuleType):
    """Keeps the functions' names free: importing the packages danqing.train and danqing.evaluate would take two."""

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in __all__ and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Door


def __getattr__(name: str) -> Any:
    """The functions of danqing.api, imported when first used: torch takes seconds to load."""
    if name in __all__:
        from danqing import api

        return getattr(api, name)
    raise AttributeError(f"module 'danqing' has no attribute '{name}'")
