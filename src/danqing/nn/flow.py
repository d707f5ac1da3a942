"""Flow matching with clean-picture prediction: what every model that learns the straight path shares.

z = t x + (1 - t) e with noise e; a network guesses x from (z, t). Shapes: B rows, then anything.
"""

import torch
from torch import Tensor

LEAST_SIGMA = 0.05
"""the weight 1 / sigma² of the velocity loss is held below 1 / LEAST_SIGMA²"""
JUMPS = (1, 2, 3, 4, 6, 8)
"""into how many equal jumps the few-step stage learns to cut the way"""


def over(t: Tensor, x: Tensor) -> Tensor:
    """(B,) shaped to multiply x (B, ...)."""
    return t.view(-1, *[1] * (x.ndim - 1))


def mixed(x: Tensor, e: Tensor, t: Tensor) -> Tensor:
    """z = t x + (1 - t) e, with t (B,)."""
    at = over(t, x)
    return at * x + (1 - at) * e


def unit(t: Tensor, spread: float) -> Tensor:
    """1 / standard deviation of z, for x of standard deviation `spread`; t of any shape."""
    return ((spread * t) ** 2 + (1 - t) ** 2).rsqrt()


def from_rest(out: Tensor, z: Tensor, t: Tensor, spread: float) -> Tensor:
    """x = c_skip z + c_out F: the best straight guess, and what the network adds in units of its error.

    Karras et al., arXiv 2206.00364, eq. 7 and table 1, for z = t x + (1 - t) e.
    """
    at = over(t, z)
    scale = unit(at, spread)
    return at * (spread * scale) ** 2 * z + spread * (1 - at) * scale * out


def velocity_error(guess: Tensor, x: Tensor, t: Tensor) -> Tensor:
    """(B,) mean squared error of the velocity (x_hat - z) / (1 - t), with its weight held."""
    return (1 - t).clamp(min=LEAST_SIGMA) ** -2 * ((guess - x) ** 2).flatten(1).mean(1)


def stepped(z: Tensor, guess: Tensor, t: Tensor, span: Tensor) -> Tensor:
    """z after one straight step of length `span` (B,) towards the guessed picture."""
    return z + over(span / (1 - t).clamp(min=LEAST_SIGMA), z) * (guess - z)


def jump_plan(jumps: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Start, span and told half-span of jumps that cut the way into `jumps` (B,) equal parts; `uniform` (B,) in [0, 1).

    The half-span is told as 0 (an ordinary step) where twice as many jumps are never learned.
    """
    span = 1 / jumps
    start = (uniform * jumps).floor() / jumps
    told = torch.where(torch.isin(2 * jumps, torch.tensor(JUMPS, device=jumps.device)), span / 2, 0)
    return start, span, told
