"""The one list of metrics that evaluations and reports go through."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.metrics.decisions import accuracy, class_f1, decided, macro_f1
from meta_models.metrics.probabilities import brier_score, expected_calibration_error, log_loss, normalised
from meta_models.metrics.ranking import (
    average_precision,
    false_positives_per_megabase,
    precision_at_recall,
    roc_auc,
    top_k_accuracy,
)
from meta_models.metrics.value import Metric
from meta_models.schema import SpliceClass

Labels = NDArray[np.integer[Any]]
Scores = NDArray[np.floating[Any]]
Weights = NDArray[np.floating[Any]] | None


@dataclass(frozen=True)
class MetricSpec:
    """One metric.

    Attributes
    ----------
    name : str
        Key in tables and JSON.
    title : str
        For people.
    per_class : bool
        Whether it is one of a class against the rest; otherwise it is over all three.
    higher_is_better : bool
    function : callable
        ``function(labels (n,), scores (n, 3), weight (n,) or None, target) -> Metric``; `target` is a class where
        `per_class`, and ignored otherwise.
    """

    name: str
    title: str
    per_class: bool
    higher_is_better: bool
    function: Callable[[Labels, Scores, Weights, SpliceClass], Metric]


def _ranking(
    metric: Callable[..., Metric], **options: float
) -> Callable[[Labels, Scores, Weights, SpliceClass], Metric]:
    def function(labels: Labels, scores: Scores, weight: Weights, target: SpliceClass) -> Metric:
        return metric(labels == target, scores[:, target], weight=weight, **options)

    return function


def _decision(metric: Callable[..., Metric]) -> Callable[[Labels, Scores, Weights, SpliceClass], Metric]:
    def function(labels: Labels, scores: Scores, weight: Weights, target: SpliceClass) -> Metric:  # noqa: ARG001
        return metric(labels, decided(normalised(scores)), weight=weight)

    return function


def _class_f1(labels: Labels, scores: Scores, weight: Weights, target: SpliceClass) -> Metric:
    return class_f1(labels, decided(normalised(scores)), target, weight)


def _loss(metric: Callable[..., Metric]) -> Callable[[Labels, Scores, Weights, SpliceClass], Metric]:
    def function(labels: Labels, scores: Scores, weight: Weights, target: SpliceClass) -> Metric:  # noqa: ARG001
        return metric(labels, scores, weight=weight)

    return function


def _calibration(labels: Labels, scores: Scores, weight: Weights, target: SpliceClass) -> Metric:
    return expected_calibration_error(labels == target, normalised(scores)[:, target], weight)


def _spec(name: str, title: str, function: Any, *, per_class: bool = True, higher_is_better: bool = True) -> MetricSpec:
    return MetricSpec(name, title, per_class, higher_is_better, function)


_FALSE_POSITIVES = _ranking(false_positives_per_megabase, recall=0.95)

#: Every metric by name, in the order of tables and reports.
METRICS: dict[str, MetricSpec] = {
    spec.name: spec
    for spec in (
        _spec("average_precision", "average precision", _ranking(average_precision)),
        _spec("roc_auc", "area under the ROC curve", _ranking(roc_auc)),
        _spec("top_k_accuracy", "top-k accuracy", _ranking(top_k_accuracy)),
        _spec("precision_at_recall_90", "precision at recall 0.90", _ranking(precision_at_recall, recall=0.90)),
        _spec("precision_at_recall_95", "precision at recall 0.95", _ranking(precision_at_recall, recall=0.95)),
        _spec(
            "false_positives_per_megabase_at_recall_95",
            "false positives per megabase at recall 0.95",
            _FALSE_POSITIVES,
            higher_is_better=False,
        ),
        _spec("class_f1", "F1 of the most probable class", _class_f1),
        _spec("expected_calibration_error", "expected calibration error", _calibration, higher_is_better=False),
        _spec("accuracy", "accuracy", _decision(accuracy), per_class=False),
        _spec("macro_f1", "macro F1 of the most probable class", _decision(macro_f1), per_class=False),
        _spec("log_loss", "log-loss", _loss(log_loss), per_class=False, higher_is_better=False),
        _spec("brier_score", "Brier score", _loss(brier_score), per_class=False, higher_is_better=False),
    )
}
