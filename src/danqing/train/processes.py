"""Several processes under torchrun, through torch.distributed. Alone, everything here is a no-op.

Gradients are averaged in one flat tensor per phase rather than by DistributedDataParallel, whose hooks do not fit
phases, gradient penalties (second derivatives) and `torch.autograd.grad`.
"""

import atexit
import os
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor

from danqing.nn import precision


def join() -> tuple[int, int]:
    """(rank, number of processes); joins the group that torchrun announces in the environment."""
    if "RANK" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return 0, 1
    if not dist.is_initialized():
        atexit.register(leave)
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return dist.get_rank(), dist.get_world_size()


def leave() -> None:
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def average(tensors: Sequence[Tensor], world: int) -> list[Tensor]:
    """The mean of each tensor over all processes."""
    if world == 1:
        return list(tensors)
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    parts = (flat / world).split([t.numel() for t in tensors])
    return [part.view_as(t) for part, t in zip(parts, tensors, strict=True)]


def agree(value: float, world: int, device: torch.device | str = "cpu") -> float:
    """Rank 0's value, everywhere."""
    if world == 1:
        return value
    box = torch.tensor([value], dtype=torch.float64, device=device)
    dist.broadcast(box, 0)
    return float(box)


def wait(world: int, device: torch.device | str = "cpu") -> None:
    """Until every process is here."""
    agree(0.0, world, device)


def common_precision(wish: str, device: str, world: int) -> str:
    """The precision that the first process finds fast, for all of them."""
    mine = precision.choose(wish, device)
    return "bf16" if agree(float(mine == "bf16"), world, device) else "fp32"
