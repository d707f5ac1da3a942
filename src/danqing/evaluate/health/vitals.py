"""What is measured of a training now and then: few numbers, cheap, each 1 (or 0) for a healthy one.

Everything that is compared with real pictures is compared in the same way with other real pictures, of the same number,
so that the numbers mean the same for all data.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import torch
from torch import Tensor

from danqing.evaluate.copies import closest
from danqing.evaluate.features import FeatureNet
from danqing.evaluate.metrics import FEWEST, Sets, frechet
from danqing.evaluate.neighbours import mean_distance, nearest
from danqing.evaluate.spectrum import radial_power, sharpness

LOOKED_AT = 128
"""pictures that are painted for a look"""
REAL = 512
"""held-out pictures they are compared with"""
LEARNED = 1024
"""training pictures that copies are looked for among"""
NEIGHBOURS = 5
"""reach of a real picture: so many of its kind are nearer (Naeem et al. 2020, section 4)"""


@dataclass(frozen=True)
class Vitals:
    """One look at a training."""

    step: int
    done: float
    """0 .. 1 of the budget"""
    variety: float
    """mean distance of painted pictures' features among each other, real ones' is 1"""
    spread: float
    """the same of their pixels; speckled pictures have no variety, but spread"""
    coverage: float
    """share of real pictures that have a painted one among their neighbours; as many real ones' is 1"""
    kinds: float | None
    """how many kinds are painted, an effective number (Hill 1973, order 1); real pictures' is 1; None without labels"""
    tilt: float | None
    """how far what is painted leans towards some kinds, 0 .. about 1 where it is one alone; None without labels"""
    sharpness: float
    """power of fine detail, real pictures' is 1"""
    novelty: float
    """distance to the nearest training picture, held-out pictures' is 1; copies have less"""
    distance: float
    """Fréchet distance of painted pictures to real ones; that of as many real ones is 1"""
    lag: float
    """the averaged painter's distance in units of the live painter's; 1 is alike"""
    gap: float | None = None
    """loss on held-out pictures in units of that on training pictures; None for a GAN"""
    bias: float | None = None
    """how often a GAN's critic finds a training picture more real than a held-out one; 1/2 is fair"""
    losses: Mapping[str, float] = field(default_factory=dict)
    """phase -> mean since the last look"""
    skipped: int = 0
    """steps since the last look whose loss was not a number"""
    repeated: float = 0.0
    """share of the batches since the last look that had been seen shortly before"""
    contrast: float = 1.0
    """how much the pictures of a batch differ, in units of the whole set's"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        return asdict(self)

    @classmethod
    def read(cls, kept: Mapping[str, Any]) -> "Vitals":
        """What `plain` gave, also of a Danqing that measured other things."""
        names = [one.name for one in fields(cls)]
        return cls(**({"kinds": None, "tilt": None} | {name: kept[name] for name in names if name in kept}))


class Mirror:
    """Real pictures and what is needed to compare painted ones with them; made once."""

    def __init__(self, net: FeatureNet, train: Tensor, held: Tensor, kinds: Tensor | None) -> None:
        """train (N, C, S, S) and held (M, C, S, S) uint8 in random order, kinds (M,) int64 labels of the latter."""
        enough = len(held) >= FEWEST
        self.net, self.learned = net, net(train[:LEARNED])
        self.held = net(held) if enough else self.learned[:REAL]
        self.kinds = Kinds(self.held, kinds, self.learned[: 2 * LOOKED_AT]) if enough and kinds is not None else None
        self.power = radial_power(train[:LEARNED])
        self.reach = nearest(self.held, min(NEIGHBOURS, len(self.held) - 1))[:, -1]
        self.variety = mean_distance(self.held)
        self.spread = pixel_spread(held if enough else train[:REAL])
        other = self.learned[:LOOKED_AT]
        self.met, self.floor = self.meets(other), distance(self.held, other)
        apart = closest(self.held, self.learned)[1].sqrt()
        self.apart = float(apart.median()) if enough else float(nearest(self.learned, 1).sqrt().median())

    def meets(self, features: Tensor) -> Tensor:
        """(M,) bool: which held-out pictures have one of these (K, D) within their reach."""
        return closest(self.held, features)[1] < self.reach

    def look(self, live: Tensor, average: Tensor) -> dict[str, Any]:
        """The numbers of Vitals that painted pictures (K, C, S, S) uint8 of the live and the averaged painter have."""
        features, averaged = self.net(live), self.net(average)
        met, away = self.meets(features), distance(self.held, features)
        return {
            "variety": mean_distance(features) / max(self.variety, 1e-9),
            "spread": pixel_spread(live) / max(self.spread, 1e-9),
            "coverage": float(met.float().mean() / self.met.float().mean().clamp(min=1e-9)),
            **(self.kinds.look(torch.cat([features, averaged])) if self.kinds else {"kinds": None, "tilt": None}),
            "sharpness": min(100.0, sharpness(radial_power(live), self.power)),
            "novelty": float(closest(features, self.learned)[1].sqrt().median()) / max(self.apart, 1e-9),
            "distance": away / max(self.floor, 1e-9),
            "lag": distance(self.held, averaged) / max(away, 1e-9),
        }


class Kinds:
    """What kinds there are among real pictures: their mean features, how they differ, how often they come."""

    def __init__(self, held: Tensor, kinds: Tensor, other: Tensor) -> None:
        """held (M, D) of kinds (M,) int64; other (K, D): real pictures that did not make the means."""
        there = kinds.unique()
        share = torch.stack([(kinds == kind).double().mean() for kind in there])
        self.means = torch.stack([held[kinds == kind].double().mean(0) for kind in there])
        self.middle = share @ self.means
        apart = (self.means - self.middle) * share.sqrt()[:, None]
        self.width = float(apart.norm())
        _, size, directions = torch.linalg.svd(apart, full_matrices=False)
        self.directions = directions[size > 1e-6 * size.max().clamp(min=1e-12)]
        self.real = self.number(other)

    def look(self, features: Tensor) -> dict[str, float]:
        """kinds and tilt of Vitals, for painted pictures (K, D)."""
        away = self.directions @ (features.double().mean(0) - self.middle)
        return {"kinds": self.number(features) / self.real, "tilt": float(away.norm()) / max(self.width, 1e-9)}

    def number(self, features: Tensor) -> float:
        """The effective number of kinds: e to the entropy of their shares; the nearest mean tells the kind."""
        share = closest(features.double(), self.means)[0].bincount() / len(features)
        share = share[share > 0]
        return float((-(share * share.log()).sum()).exp())


def more_often(a: Tensor, b: Tensor) -> float:
    """How often a number of a (N,) is above one of b (M,); equal ones count half (Mann & Whitney 1947)."""
    return float(((a[:, None] > b).double() + 0.5 * (a[:, None] == b)).mean())


def distance(real: Tensor, made: Tensor) -> float:
    """Fréchet distance; biased by the small number, alike for all painters."""
    return frechet.measure(Sets(real, made))


def pixel_spread(pictures: Tensor) -> float:
    """Mean distance between pictures (N, C, S, S) uint8, of at most 256."""
    return mean_distance(pictures[:256].flatten(1).float() / 255)
