"""Pictures -> report: feature nets, metrics of two sets of features, and the table that says how good a model is."""

from danqing.evaluate.features import FeatureNet, classify, feature_net
from danqing.evaluate.metrics import Metric, Sets, metric
from danqing.evaluate.report import Report, Row, evaluate_sets
from danqing.evaluate.shipped import efficientnet_lite0, fashion_judge

__all__ = [
    "FeatureNet",
    "Metric",
    "Report",
    "Row",
    "Sets",
    "classify",
    "efficientnet_lite0",
    "evaluate_sets",
    "fashion_judge",
    "feature_net",
    "metric",
]
