"""How the learning rate runs over the budget: fraction of the budget (0 .. 1) -> factor (0 .. 1)."""

import math

from danqing.registry import register


@register("rate", "constant")
def constant(fraction: float, decay: float) -> float:
    return 1.0


@register("rate", "cosine")
def cosine(fraction: float, decay: float) -> float:
    """Half a cosine from 1 to 0 (Loshchilov & Hutter, arXiv 1608.03983, eq. 5, without restarts)."""
    return (1 + math.cos(math.pi * fraction)) / 2


@register("rate", "decay")
def decay_to_zero(fraction: float, decay: float) -> float:
    """Constant, then straight to zero over the last `decay` of the budget (arXiv 2405.18392)."""
    return min(1.0, (1 - fraction) / decay) if decay > 0 else 1.0
