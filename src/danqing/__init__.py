"""Danqing (丹青): an AI painting studio for the machine you have.

    import danqing
    trained = danqing.train("diffusion", "fashion-mnist", minutes=2).result()
    pictures = danqing.sample(trained.model, n=4, seed=7, label="dress").result()
"""

from typing import Any

from danqing.version import __version__

__all__ = ["__version__", "edit", "evaluate", "interpolate", "load", "reconstruct", "sample", "train"]


def __getattr__(name: str) -> Any:
    """The functions of danqing.api, imported when first used: torch takes seconds to load."""
    if name in __all__:
        from danqing import api

        return getattr(api, name)
    raise AttributeError(f"module 'danqing' has no attribute '{name}'")
