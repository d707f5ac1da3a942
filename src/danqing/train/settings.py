"""The settings of a training run: plain data, each with its default and reason."""

from dataclasses import dataclass

from danqing.nn.precision import PRECISIONS
from danqing.registry import names
from danqing.settings import check_choices, check_least


@dataclass(frozen=True)
class TrainSettings:
    batch: int = 128
    """pictures per step, over all processes"""
    optimizer: str = "adamw"
    """sgd, rmsprop, adam, adamw or muon (matrices by Muon, the rest by AdamW)"""
    lr: float = 1e-3
    """learning rate of everything but Muon's matrices"""
    muon_lr: float = 0.02
    """learning rate of Muon's matrices"""
    momentum: float = 0.9
    """of sgd; beta1 of the Adam kinds"""
    beta2: float = 0.99
    weight_decay: float = 0.0
    rate: str = "decay"
    """how the learning rate runs over the budget: constant, cosine, or decay (constant, then straight to zero)"""
    decay: float = 0.3
    """the last part of the budget in which `decay` falls to zero"""
    warmup: int = 50
    """steps in which the rate rises from zero"""
    clip: float = 1.0
    """largest gradient norm of a phase; 0 for no limit"""
    ema: float = 0.05
    """half-life of the weights' moving average, as a share of the pictures seen so far (EDM's ramp); 0 for none"""
    precision: str = "auto"
    """fp32, bf16, or auto: measured on this machine at the start"""
    flip: bool = False
    """mirror half of the pictures; off for text and logos"""
    rotate: float = 0.0
    """largest rotation, degrees"""
    scale: float = 0.0
    """largest change of scale, 0.1 is ±10 %"""
    translate: float = 0.0
    """largest shift, share of the side"""
    crop: float = 0.0
    """largest part of the side that is cut away, the rest enlarged"""
    colour: float = 0.0
    """largest change of brightness, contrast and saturation"""
    score_every: float = 0.0
    """score samples against held-out pictures after each such part of the budget and keep the best; 0 for never"""
    patience: int = 0
    """stop after so many scores without a better one; 0 for never"""

    def __post_init__(self) -> None:
        check_least(2, batch=self.batch)
        check_least(1e-12, lr=self.lr, muon_lr=self.muon_lr)
        check_least(
            0, weight_decay=self.weight_decay, decay=self.decay, warmup=self.warmup, clip=self.clip, ema=self.ema
        )
        check_least(0, score_every=self.score_every, patience=self.patience)
        check_choices(self, optimizer=names("optimizer"), rate=names("rate"), precision=PRECISIONS)
