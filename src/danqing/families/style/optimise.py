"""Paint by optimisation: pixels follow the gradient of style and content, from a small picture to the full size.

Coarse scales settle composition and large strokes, fine ones grain; each begins with the enlarged result of the one
before (Gatys et al., arXiv 1611.07865, sec. 5).
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from danqing.families.style.colours import in_palette, palette, pooled
from danqing.families.style.eyes import Eyes
from danqing.families.style.objective import Exemplar, Objective, Region
from danqing.families.style.settings import GatysConfig

LARGE = 2_000_000
"""pixels above which L-BFGS, which remembers 2 x HISTORY pictures, would need too much memory"""
HISTORY = 10
TILE = 1152
"""longest side that is looked at in one piece; about 1.5 kB are needed for each of its pixels"""
SMALLEST = 64
"""no scale has a shorter side than this, unless the picture itself has"""


@dataclass(frozen=True)
class Job:
    """What is to be painted."""

    content: Tensor
    """(3, H, W) in [-1, 1]; the result has its size"""
    regions: Sequence[Region]
    brush: float = 1.0
    """size of the strokes: the exemplars are seen this much larger"""
    tint: float = 1.0
    """how far it begins in the colours of the exemplars, 0 .. 1"""
    start: Tensor | None = None
    """(3, H, W) to paint over, where the settings do not say content or noise"""


@dataclass(frozen=True)
class Moment:
    """Where an optimisation is."""

    picture: Tensor
    """(3, h, w) in [-1, 1], of the present scale"""
    done: float
    """0 .. 1 of all the work"""
    loss: float
    """of that picture; with adam of the last look"""


def optimise(eyes: Eyes, config: GatysConfig, job: Job, generator: Generator, tile: int = TILE) -> Iterator[Moment]:
    """Yields after every step; the last moment is the result, in full size."""
    sizes = scales(job.content.shape[-2:], len(config.steps))
    steps = config.steps[-len(sizes) :]
    work = [count * height * width for count, (height, width) in zip(steps, sizes, strict=True)]
    picture = beginning(config, job, generator)
    for number, (size, count) in enumerate(zip(sizes, steps, strict=True)):
        picture = resized(picture, size)
        objective = Objective(eyes, config, resized(job.content, size), regions_at(job, size), tile)
        walk = adam if config.optimizer == "adam" or size[0] * size[1] > LARGE else lbfgs
        for step, (made, loss) in enumerate(walk(objective, picture, count, config), 1):
            picture = made
            yield Moment(made, (sum(work[:number]) + work[number] * step / count) / sum(work), loss)


def beginning(config: GatysConfig, job: Job, generator: Generator) -> Tensor:
    if config.start == "noise":
        return torch.randn(job.content.shape, generator=generator) * 0.3
    if job.start is not None:
        return job.start
    return torch.lerp(job.content, tinted(job), job.tint) if config.start == "palette" else job.content


def tinted(job: Job) -> Tensor:
    """The content in the colours of its exemplars: what would take the optimiser a hundred steps, in closed form."""
    made = job.content
    for region in job.regions:
        shares = [one.weight for one in region.exemplars]
        aim = pooled([palette(one.picture) for one in region.exemplars], shares)
        tint = in_palette(job.content, aim)
        made = tint if region.mask is None else torch.lerp(made, tint, region.mask)
    return made


def scales(size: Sequence[int], count: int) -> list[tuple[int, int]]:
    """Up to `count` sizes (h, w), each half of the next, the last one the full size."""
    height, width = size
    halves = [2**i for i in reversed(range(count))]
    kept = [half for half in halves if half == 1 or min(height, width) // half >= SMALLEST]
    return [(round(height / half), round(width / half)) for half in kept]


def regions_at(job: Job, size: tuple[int, int]) -> list[Region]:
    """The regions for a picture of a scale; exemplars are seen at the same scale, times the brush."""
    factor = max(size) / max(job.content.shape[-2:]) * job.brush
    return [
        Region(
            [exemplar_at(one, factor) for one in region.exemplars],
            None if region.mask is None else resized(region.mask[None], size)[0],
        )
        for region in job.regions
    ]


def exemplar_at(one: Exemplar, factor: float) -> Exemplar:
    """Smaller or larger, but with no side below SMALLEST."""
    height, width = one.picture.shape[-2:]
    factor = max(factor, SMALLEST / min(height, width))
    size = (max(SMALLEST, round(height * factor)), max(SMALLEST, round(width * factor)))
    mask = None if one.mask is None else resized(one.mask[None], size)[0]
    return replace(one, picture=resized(one.picture, size), mask=mask)


def resized(x: Tensor, size: Sequence[int]) -> Tensor:
    """(C, H, W) -> (C, *size), bicubic with antialias, held within the range of x."""
    if tuple(x.shape[-2:]) == tuple(size):
        return x
    made = interpolate(x[None].float(), list(size), mode="bicubic", antialias=True)[0]
    return made.clamp(float(x.min()), float(x.max()))


# Two ways down.


def lbfgs(objective: Objective, picture: Tensor, steps: int, config: GatysConfig) -> Iterator[tuple[Tensor, float]]:
    """Limited-memory BFGS (Nocedal & Wright, algorithm 7.5), whole steps: a line search only costs looks here. A whole
    step may go too far, so the best picture that was looked at is given."""
    x = picture.clone().requires_grad_()
    optimizer = torch.optim.LBFGS([x], max_iter=1, history_size=HISTORY, tolerance_grad=0, tolerance_change=0)

    def closure() -> Tensor:
        value, x.grad = objective(x)
        losses.append(value)
        return torch.tensor(value)

    losses: deque[float] = deque(maxlen=1)
    best, least = picture, float("inf")
    for _ in range(steps):
        looked = x.detach().clone()
        optimizer.step(closure)
        if losses[0] < least:
            best, least = looked, losses[0]
        yield best.clamp(-1, 1), least


def adam(objective: Objective, picture: Tensor, steps: int, config: GatysConfig) -> Iterator[tuple[Tensor, float]]:
    """Adam; what is shown is the average of its pictures, without the bias of the first (arXiv 1412.6980, sec. 3)."""
    x = picture.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], config.lr, (0.9, 0.99))
    average, share = torch.zeros_like(picture), 1.0
    for _ in range(steps):
        value, x.grad = objective(x)
        optimizer.step()
        with torch.no_grad():
            x.clamp_(-1, 1)
            average.lerp_(x, 1 - config.average)
        share *= config.average
        yield average / (1 - share), value
