"""Settings of the optimiser, plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from danqing.errors import UsageError
from danqing.families.style.measures import DISTANCES
from danqing.nn.vgg import POOLINGS, down_to
from danqing.settings import check_choices, check_least

OPTIMIZERS = ("lbfgs", "adam")
BEGINNINGS = ("palette", "content", "noise", "fast")


@dataclass(frozen=True)
class GatysConfig:
    """Style transfer by optimisation, after Gatys et al. (arXiv 1508.06576; scales: arXiv 1611.07865, sec. 5)."""

    content_layers: Mapping[str, float] = field(default_factory=lambda: {"conv4_2": 1.0})
    """layer of VGG-19 -> weight; high ones keep things, not strokes"""
    style_layers: Mapping[str, float] = field(default_factory=lambda: {f"conv{block}_1": 1.0 for block in range(1, 6)})
    """layer -> weight; low ones are colour and grain, high ones patterns"""
    content: float = 1.0
    """weight of the content"""
    style: float = 30.0
    """weight of the style"""
    smooth: float = 2.0
    """weight of the total variation"""
    distance: str = "both"
    """of the style: gram, spread, both, wasserstein"""
    pooling: str = "max"
    """max paints, average smooths"""
    optimizer: str = "lbfgs"
    """lbfgs, or adam, which needs a sixth of its memory; pictures over LARGE pixels always take adam"""
    start: str = "palette"
    """what is painted over: the content in the style's colours, the content, noise, or the fast engine's result"""
    steps: tuple[int, ...] = (80, 40, 15)
    """at each scale, coarsest first; each is twice as large as the one before"""
    lr: float = 0.04
    """of adam, in the picture's range of -1 .. 1"""
    average: float = 0.99
    """of adam: the result is the moving average of its pictures"""

    def __post_init__(self) -> None:
        check_choices(self, distance=DISTANCES, pooling=POOLINGS, optimizer=OPTIMIZERS, start=BEGINNINGS)
        check_least(0, content=self.content, style=self.style, smooth=self.smooth, average=self.average)
        check_least(1, steps=self.steps)
        for layers in (self.content_layers, self.style_layers):
            down_to(layers)
            check_least(0, **layers)
            if not sum(layers.values()):
                raise UsageError("All layers weigh nothing; give at least one a weight above 0.")
