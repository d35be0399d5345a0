"""Bands around ROC and precision-recall curves, and counts at thresholds: all from one histogram of the scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from meta_models.analysis.plots.lines import Band
from meta_models.metrics import Draws

Floats = NDArray[np.float64]
COVERAGE = (2.5, 97.5)
N_THRESHOLDS = 400
_BLOCK = 200


@dataclass(frozen=True)
class Sweep:
    """Weight of positives and negatives at or above each threshold.

    Attributes
    ----------
    thresholds : (n_thresholds,) float64, falling
    positives, negatives : (..., n_thresholds) float64
        Weight at or above the threshold; leading axes are resamples.
    all_positives, all_negatives : (...,) float64
        Weight of all.
    """

    thresholds: Floats
    positives: Floats
    negatives: Floats
    all_positives: Floats
    all_negatives: Floats

    @property
    def recall(self) -> Floats:
        """Share of the positives at or above each threshold; 0 where there are no positives."""
        return _divide(self.positives, self.all_positives[..., None])

    @property
    def fall_out(self) -> Floats:
        """Share of the negatives at or above each threshold."""
        return _divide(self.negatives, self.all_negatives[..., None])

    @property
    def precision(self) -> Floats:
        """Share of positives among what is at or above each threshold; 1 where nothing is."""
        called = self.positives + self.negatives
        return np.divide(self.positives, called, out=np.ones_like(called), where=called > 0)

    @property
    def f1(self) -> Floats:
        """F1 at each threshold."""
        return _divide(2 * self.positives, self.positives + self.negatives + self.all_positives[..., None])


def thresholds_for(positive: NDArray[np.bool_], scores: Floats, n_thresholds: int = N_THRESHOLDS) -> Floats:
    """Falling thresholds where curves bend: quantiles of the positives' scores and of the high end of the negatives'.

    The negatives' quantiles lie at tail shares spaced evenly on a logarithmic scale, down to one row.
    """
    half = max(n_thresholds // 2, 2)
    parts = []
    if positive.any():
        parts.append(np.quantile(scores[positive], np.linspace(0, 1, half), method="lower"))
    if not positive.all():
        negatives = scores[~positive]
        tail = np.geomspace(1 / len(negatives), 1, half)
        parts.append(np.quantile(negatives, 1 - tail, method="higher"))
    return np.unique(np.concatenate(parts))[::-1]


def sweep(positive: NDArray[np.bool_], scores: Floats, weights: Floats, thresholds: Floats) -> Sweep:
    """Count once: weight of positives and negatives at or above each of the falling `thresholds`."""
    bins = np.searchsorted(-thresholds, -scores, side="left")
    size = len(thresholds) + 1
    masks = (positive, ~positive)
    at = [np.bincount(bins[mask], weights[mask], minlength=size).astype(np.float64) for mask in masks]
    return _from_histogram(thresholds, at[0], at[1])


def resampled_sweeps(
    positive: NDArray[np.bool_],
    scores: Floats,
    weights: Floats,
    families: NDArray[np.int64],
    thresholds: Floats,
    draws: Draws,
) -> Sweep:
    """As :func:`sweep` for every resample of families, (samples, n_thresholds).

    Parameters
    ----------
    families : (n,) int64
        Family number of each row, from 0.
    """
    bins = np.searchsorted(-thresholds, -scores, side="left")
    shape = (len(thresholds) + 1, draws.counts.shape[0])
    counted = []
    for mask in (positive, ~positive):
        table = csr_array((weights[mask], (bins[mask], families[mask])), shape=shape)
        counted.append(np.concatenate([(table @ block).T for block in draws.blocks(_BLOCK)]))
    return _from_histogram(thresholds, counted[0], counted[1])


def pr_band(resampled: Sweep, grid: Floats) -> Band:
    """95 % band of the precision at each recall of `grid`."""
    return _band(resampled.recall, resampled.precision, grid)


def roc_band(resampled: Sweep, grid: Floats) -> Band:
    """95 % band of the true positive rate at each false positive rate of `grid`."""
    return _band(resampled.fall_out, resampled.recall, grid)


def f1_band(resampled: Sweep) -> Band:
    """95 % band of F1 at each threshold."""
    lower, upper = np.percentile(resampled.f1, COVERAGE, axis=0)
    return Band(resampled.thresholds, lower, upper)


def _band(x: Floats, y: Floats, grid: Floats) -> Band:
    curves = np.stack([np.interp(grid, one_x, one_y) for one_x, one_y in zip(x, y, strict=True)])
    inside = grid <= np.median(x[:, -1])
    lower, upper = np.percentile(curves[:, inside], COVERAGE, axis=0)
    return Band(grid[inside], lower, upper)


def _from_histogram(thresholds: Floats, positives: Floats, negatives: Floats) -> Sweep:
    return Sweep(
        thresholds,
        np.cumsum(positives, axis=-1)[..., :-1],
        np.cumsum(negatives, axis=-1)[..., :-1],
        positives.sum(axis=-1),
        negatives.sum(axis=-1),
    )


def _divide(numerator: Floats, denominator: Floats) -> Floats:
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=np.broadcast_to(denominator, shape) > 0)
