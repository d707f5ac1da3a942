"""The nouns that every part of Danqing shares. Nothing here imports torch when it runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    import numpy as np
    from torch import Generator, Tensor, nn

    from danqing.nn.chance import Chance

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Recipe:
    """How a picture was made; it travels inside the picture and can be replayed."""

    model: str
    """name of the model"""
    model_hash: str
    """first 12 hex digits of the sha256 of the weights"""
    family: str
    seed: int
    """the seed of this one picture, 0 .. 2**63 - 1"""
    size: tuple[int, int]
    """width, height in pixels"""
    label: str | None = None
    sampler: str | None = None
    steps: int = 1
    guidance: float = 1.0
    version: str = ""
    """of Danqing"""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """anything else that is needed to replay it; JSON-safe"""
    prompt: str | None = None
    """the words it was painted from; None for models that take none"""
    negative: str = ""
    """words that were to be kept away from"""

    def plain(self) -> dict[str, Any]:
        """JSON-safe dict."""
        return {**asdict(self), "size": list(self.size), "extra": dict(self.extra)}


@dataclass(frozen=True)
class Picture:
    """Pixels and the recipe that made them."""

    pixels: np.ndarray
    """(H, W, 3) or (H, W, 4) uint8"""
    recipe: Recipe


@dataclass(frozen=True)
class Progress:
    """One event of a running act. Surfaces draw it, the core only yields it."""

    act: str
    """'train', 'sample', 'evaluate', 'data'"""
    done: float
    """0 .. 1"""
    step: int = 0
    seconds_left: float | None = None
    """honest estimate from the pace so far; None while it is unknown"""
    figures: Mapping[str, float] = field(default_factory=dict)
    """losses, pictures per second, ..."""
    message: str = ""
    """one sentence for people, empty when there is nothing to say"""


@dataclass(frozen=True)
class DataCard:
    """Where pictures came from and what was left out."""

    name: str
    source: str
    licence: str
    count: int
    sha256: str
    """of the pixels and labels as they are used"""
    size: int
    channels: int
    labels: tuple[str, ...] = ()
    left_out: Mapping[str, int] = field(default_factory=dict)
    """reason -> number of files"""


@dataclass(frozen=True)
class Card:
    """What is known of a model; saved beside and inside its weights."""

    name: str
    family: str
    preset: str
    config: Mapping[str, Any]
    train: Mapping[str, Any]
    data: Mapping[str, Any]
    seed: int
    steps: int = 0
    pictures_seen: int = 0
    seconds: float = 0.0
    parameters: int = 0
    watt_hours: float | None = None
    """that the processor counted while it was trained; None where it cannot be read"""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    software: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    value_range: tuple[float, float] = (-1.0, 1.0)
    format_version: int = FORMAT_VERSION

    def plain(self) -> dict[str, Any]:
        return {**asdict(self), "value_range": list(self.value_range)}


@dataclass(frozen=True)
class Batch:
    """One batch as a loss sees it."""

    pictures: Tensor
    """(B, C, H, W) float in [-1, 1]"""
    labels: Tensor | None
    """(B,) int64, or None where the data has none"""
    given: Mapping[str, Tensor] = field(default_factory=dict)
    """what else belongs to each row, by name: embeddings, words, style"""


@dataclass(frozen=True)
class Now:
    """The moment of training at which a loss is asked for."""

    step: int
    fraction: float
    """0 .. 1 of the budget"""
    chance: Chance
    notes: dict[str, Any] = field(default_factory=dict)
    """name -> number to be logged beside the loss"""


@dataclass(frozen=True)
class Phase:
    """One optimisation inside a training step: which parameters follow which loss."""

    name: str
    module: nn.Module
    """its parameters are trained, nothing else's"""
    loss: Callable[[Batch, Now], Tensor]
    every: int = 1
    """run on every n-th step"""
    rate: float = 1.0
    """multiplies the learning rate (two-time-scale updates)"""
    span: tuple[float, float] = (0.0, 1.0)
    """the part of the budget in which the phase runs"""
    after: Callable[[], None] | None = None
    """run after the optimiser's step (weight clipping)"""


@dataclass(frozen=True)
class PaintRequest:
    """What to paint; one generator per picture comes beside it. None means: the model's own default."""

    labels: tuple[int | None, ...] = ()
    """one class per picture, None for any; empty for none given"""
    sampler: str | None = None
    steps: int | None = None
    guidance: float | None = None


class Family(ABC):
    """A kind of generator. A subclass registered under "family" is listed, documented and contract-tested.

    `model` is what `build` gave and `painter` what `painter` gave: modules of the family's own classes.
    """

    name: ClassVar[str]
    title: ClassVar[Mapping[str, str]]
    """'en' and 'zh'"""
    Config: ClassVar[type]
    """frozen dataclass, JSON-safe, with at least size, channels, classes"""

    @abstractmethod
    def build(self, config: Any) -> nn.Module:
        """The whole model, everything that is trained."""

    @abstractmethod
    def painter(self, model: Any) -> nn.Module:
        """The part that paints; only this is averaged (EMA), saved and shipped."""

    @abstractmethod
    def phases(self, model: Any, config: Any) -> Sequence[Phase]:
        """What is optimised in each step."""

    @abstractmethod
    def start(self, painter: Any, config: Any, request: PaintRequest, generators: Sequence[Generator]) -> Tensor:
        """The chance behind N pictures: (N, ...) latents or noise, fp32 on the CPU; row i from generator i alone."""

    @abstractmethod
    def finish(
        self, painter: Any, config: Any, request: PaintRequest, start: Tensor, generators: Sequence[Generator]
    ) -> Tensor:
        """Pictures (N, C, H, W) in [-1, 1] from the latents of `start`; only stochastic samplers use `generators`."""

    def realness(self, model: Any, config: Any, pictures: Tensor, labels: Tensor | None) -> Tensor | None:
        """(N,) how real the model's own critic finds pictures (N, C, H, W); None where it has none."""
        return None

    def error(self, model: Any, config: Any, batch: Batch, now: Now) -> Tensor | None:
        """A number >= 0: how badly the model explains these pictures; None where it cannot say."""
        return None

    def remedies(self, config: Any, illness: str) -> Mapping[str, Any]:
        """Settings to change when a training falls ill (danqing.evaluate.health); empty where none would help."""
        return {}

    def takes(self, config: Any) -> frozenset[str]:
        """Which wishes painting heeds, of label, sampler, steps and guidance; others are refused at the door."""
        return frozenset()

    def how(self, config: Any, request: PaintRequest) -> dict[str, Any]:
        """What goes into the recipe: sampler, steps, guidance as they are really used."""
        return {"sampler": self.name, "steps": 1, "guidance": 1.0}
