"""The FID that papers report: Inception makes the features, torch-fidelity (an extra) computes it."""

from importlib import import_module
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.utils.data import Dataset

from danqing.errors import BadInputError, MissingExtraError


class Coloured(Dataset[Tensor]):
    """Pictures (N, 1 or 3, H, W) uint8 as torch-fidelity takes them: (3, H, W) uint8 each."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures = pictures

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, number: int) -> Tensor:
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.pictures[number].expand(3, -1, -1).contiguous()


def check_extra() -> None:
    """Raises MissingExtraError without torch-fidelity."""
    if find_spec("torch_fidelity") is None:
        raise MissingExtraError("FID", "fid")


def fid(real: Tensor, made: Tensor) -> float:
    """Of (N, C, H, W) and (M, C, H, W) uint8. The first time torch-fidelity fetches Inception's weights (90 MB).

    Raises MissingExtraError without torch-fidelity, BadInputError where it cannot do its work.
    """
    check_extra()
    fidelity = import_module("torch_fidelity")
    try:
        found = fidelity.calculate_metrics(
            input1=Coloured(made), input2=Coloured(real), fid=True, cuda=torch.cuda.is_available(), verbose=False
        )
    except Exception as error:  # its own errors are of many kinds: no network, no space, no pictures
        raise BadInputError(f"torch-fidelity could not compute FID: {error}") from None
    return float(found[fidelity.KEY_METRIC_FID])
