"""How much memory is free here, and how much is said in words."""

import torch

from danqing.data.pictures import free_memory


def bytes_free(device: torch.device | str = "cpu") -> float:
    """Of memory that programs may still take; infinite where the system does not say."""
    if torch.device(device).type == "cuda":
        return float(torch.cuda.mem_get_info(torch.device(device))[0])
    found = free_memory()
    return float("inf") if found is None else float(found)


def gigabytes(count: float) -> str:
    """
    >>> gigabytes(2_640_000_000), gigabytes(5_000_000)
    ('2.6 GB', '0.0 GB')
    """
    return f"{count / 1e9:,.1f} GB"
