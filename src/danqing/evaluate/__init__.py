"""Pictures -> report: feature nets, metrics of two sets of features, and the table that says how good a model is."""

from danqing.evaluate.features import FeatureNet, classify, feature_net
from danqing.evaluate.metrics import Metric, Sets, metric
from danqing.evaluate.report import Report, Row, evaluate_sets
from danqing.evaluate.shipped import efficientnet_lite0, fashion_judge, vgg19
from danqing.evaluate.words import Recall, WordJudge, draw_candidates, recall_at

__all__ = [
    "FeatureNet",
    "Metric",
    "Recall",
    "Report",
    "Row",
    "Sets",
    "WordJudge",
    "classify",
    "draw_candidates",
    "efficientnet_lite0",
    "evaluate_sets",
    "fashion_judge",
    "feature_net",
    "metric",
    "recall_at",
    "vgg19",
]
