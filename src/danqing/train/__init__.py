"""Phases -> weights. The trainer knows phases, optimisers, budgets and nothing of any model."""

from danqing.train import rates as _rates  # noqa: F401  (registers the rates)
from danqing.train.budget import Budget
from danqing.train.optimizers import Optimizers
from danqing.train.settings import TrainSettings
from danqing.train.trainer import Trainer

__all__ = ["Budget", "Optimizers", "TrainSettings", "Trainer"]
