"""Points of ROC and precision-recall curves, thinned for plots."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.ranking import checked

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CurvePoints:
    """A curve from the highest threshold to the lowest.

    Attributes
    ----------
    x, y, threshold : (m,) float64
        False-positive rate and recall (ROC), or recall and precision. The first point belongs to no row: its
        threshold is infinite. Empty where the curve does not exist.
    all_points : int
        Points before thinning.
    reason : str or None
        Why there is no curve.
    """

    x: Floats
    y: Floats
    threshold: Floats
    all_points: int
    reason: str | None = None


def roc_curve_points(
    positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, max_points: int
) -> CurvePoints:
    """ROC curve (false-positive rate, recall), joined by straight lines, with at most about `max_points` points."""
    true, false, threshold = _cumulated(positive, score, weight)
    if not (true[-1] > 0 and false[-1] > 0):
        return _no_curve("no positives with a weight above 0" if not true[-1] > 0 else "no negatives")
    return _thinned(false / false[-1], true / true[-1], threshold, max_points)


def pr_curve_points(
    positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None, *, max_points: int
) -> CurvePoints:
    """Precision-recall curve (recall, precision); steps: the precision of a point holds from the recall before it.

    The first point is recall 0 with the precision of the highest threshold.
    """
    true, false, threshold = _cumulated(positive, score, weight)
    if not true[-1] > 0:
        return _no_curve("no positives with a weight above 0")
    precision = np.empty_like(true)
    np.divide(true[1:], true[1:] + false[1:], out=precision[1:])
    precision[0] = precision[1]
    return _thinned(true / true[-1], precision, threshold, max_points)


def _cumulated(positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None) -> tuple[Floats, Floats, Floats]:
    """True and false positives at each distinct score from the highest down, after a first point of zeros."""
    is_positive, values, weights = checked(positive, score, weight)
    alive = weights > 0
    is_positive, values, weights = is_positive[alive], values[alive].astype(np.float64), weights[alive]
    order = np.argsort(-values, kind="stable")
    last = np.flatnonzero(np.diff(values[order], append=-np.inf)) if len(order) else np.empty(0, np.intp)
    sums = (np.cumsum(np.where(mask, weights, 0.0)[order])[last] for mask in (is_positive, ~is_positive))
    true, false = (np.concatenate([[0.0], s]) for s in sums)
    return true, false, np.concatenate([[np.inf], values[order][last]])


def _thinned(x: Floats, y: Floats, threshold: Floats, max_points: int) -> CurvePoints:
    """Points at even steps along the curve (city-block length), both ends kept."""
    if max_points < 2:
        raise ValueError(f"max_points must be at least 2, found {max_points}")
    keep = np.arange(len(x))
    if len(x) > max_points:
        length = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(x)) + np.abs(np.diff(y)))])
        keep = np.unique(np.searchsorted(length, np.linspace(0.0, length[-1], max_points)))
        keep = np.unique(np.concatenate([[0], np.minimum(keep, len(x) - 1), [len(x) - 1]]))
    return CurvePoints(x[keep], y[keep], threshold[keep], len(x))


def _no_curve(reason: str) -> CurvePoints:
    empty = np.empty(0)
    return CurvePoints(empty, empty, empty, 0, reason)
