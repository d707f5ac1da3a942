"""Make torchvision importable beside a CPU build of torch."""

import importlib

import torch

_SIGNATURE = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_libraries: list[torch.library.Library] = []


def load_torchvision() -> None:
    """Declare the two operators that torchvision expects at import, then import it.

    The torchvision wheel's compiled operators do not load beside a CPU build of torch; its transforms do not need them.
    """
    if _libraries:
        return
    library = torch.library.Library("torchvision", "DEF")
    for name in ("nms", "qnms"):
        library.define(name + _SIGNATURE)
    _libraries.append(library)
    importlib.import_module("torchvision")
