"""What Danqing can do, as functions. Each long one returns an Act: iterate over its Progress, then take the result."""

from danqing.api.act import Act
from danqing.api.judging import evaluate
from danqing.api.models import Model, load
from danqing.api.painting import edit, interpolate, reconstruct, sample
from danqing.api.training import Trained, train

__all__ = ["Act", "Model", "Trained", "edit", "evaluate", "interpolate", "load", "reconstruct", "sample", "train"]
