"""Metrics of decided classes: accuracy, F1, confusion."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.arrays import Floats, ratio, sums_by
from meta_models.metrics.value import Metric
from meta_models.metrics.weights import as_weight
from meta_models.schema import CLASSES, SpliceClass

N = len(CLASSES)


def decided(scores: ArrayLike) -> NDArray[np.intp]:
    """The class with the highest of the (n, 3) scores; the first in class order on a tie."""
    winners: NDArray[np.intp] = np.argmax(np.asarray(scores), axis=1)
    return winners


def confusion(labels: ArrayLike, predicted: ArrayLike, weight: ArrayLike | None = None) -> Floats:
    """Weighted confusion matrix (3, 3): true class in the row, predicted class in the column."""
    cells = np.asarray(labels, np.intp) * N + np.asarray(predicted, np.intp)
    return sums_by(cells, as_weight(weight, len(cells)), N * N).reshape(N, N)


def accuracy_of(matrix: Floats) -> Floats:
    """Accuracy of confusion matrices (..., 3, 3); NaN where one is empty."""
    return ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def class_f1_of(matrix: Floats, target: SpliceClass) -> Floats:
    """F1 of `target` from confusion matrices (..., 3, 3); NaN where no row is truly of that class."""
    true, called = matrix[..., target, :].sum(axis=-1), matrix[..., :, target].sum(axis=-1)
    return np.where(true > 0, ratio(2 * matrix[..., target, target], true + called), np.nan)


def macro_f1_of(matrix: Floats) -> Floats:
    """Mean F1 of the three classes; NaN where one of them has no rows."""
    return np.asarray(np.mean([class_f1_of(matrix, target) for target in CLASSES], axis=0))


def accuracy(labels: ArrayLike, predicted: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Share of rows whose predicted class is the true one."""
    return _metric(accuracy_of(confusion(labels, predicted, weight)), "no rows with a weight above 0")


def class_f1(labels: ArrayLike, predicted: ArrayLike, target: SpliceClass, weight: ArrayLike | None = None) -> Metric:
    """F1 of one class; null where no row is truly of that class."""
    return _metric(class_f1_of(confusion(labels, predicted, weight), target), f"no {target.label} rows")


def macro_f1(labels: ArrayLike, predicted: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Mean F1 of the three classes; null where one of them has no rows."""
    matrix = confusion(labels, predicted, weight)
    absent = ", ".join(target.label for target in CLASSES if not matrix[target].sum() > 0)
    return _metric(macro_f1_of(matrix), f"no {absent} rows")


def _metric(value: Floats, reason: str) -> Metric:
    return Metric.of(float(value)) if np.isfinite(value) else Metric.null(reason)
