"""Losses and calibration error of class probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.arrays import Floats, ratio, sums_by
from meta_models.metrics.value import Metric
from meta_models.metrics.weights import as_weight

#: Probabilities are clipped here before a logarithm: float32 has no number between 1 - 6e-8 and 1.
CLIP = 1e-7
#: Equal-width bins of the calibration error (Guo et al., ICML 2017).
BINS = 15


def normalised(scores: ArrayLike) -> Floats:
    """Rows of (n, 3) `scores` divided by their sum; a row of zeros says nothing and becomes 1/3 each.

    Scores of base models need not sum to 1 (rounding, or three independent outputs). They are made comparable with
    the meta-model's probabilities here, before a loss or a decision; rankings use the score of the class as it is.

    Raises
    ------
    ValueError
        If a score is negative or not finite.
    """
    values = np.asarray(scores, np.float64)
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise ValueError("scores must be finite and not negative")
    total = values.sum(axis=1, keepdims=True)
    shares: Floats = np.full(values.shape, 1 / values.shape[1])
    np.divide(values, total, out=shares, where=total > 0)
    return shares


def row_log_loss(labels: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Minus the logarithm of the probability of the true class, (n,); normalised, clipped at 1e-7."""
    return log_loss_of(labels, normalised(probabilities))


def log_loss_of(labels: ArrayLike, values: Floats) -> Floats:
    """As :func:`row_log_loss`, of probabilities (n, 3) that are normalised already."""
    losses: Floats = -np.log(np.maximum(values[np.arange(len(values)), np.asarray(labels, np.intp)], CLIP))
    return losses


def row_brier_score(labels: ArrayLike, probabilities: ArrayLike) -> Floats:
    """Squared distance between the probabilities and the one-hot label, (n,), between 0 and 2; normalised."""
    return brier_score_of(labels, normalised(probabilities))


def brier_score_of(labels: ArrayLike, values: Floats) -> Floats:
    """As :func:`row_brier_score`, of probabilities (n, 3) that are normalised already."""
    distances = values.copy()
    distances[np.arange(len(values)), np.asarray(labels, np.intp)] -= 1.0
    squares: Floats = np.einsum("nk,nk->n", distances, distances)
    return squares


def log_loss(labels: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Mean negative log-likelihood of the true classes.

    Parameters
    ----------
    labels : (n,) int
    probabilities : (n, 3) float
        Normalised to sum 1 and clipped at 1e-7 (a loss of at most 16.1 a row), for base scores as for the meta-model.
    weight : (n,) float, optional
    """
    return _mean(row_log_loss(labels, probabilities), weight)


def brier_score(labels: ArrayLike, probabilities: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Multi-class Brier score: mean squared distance to the one-hot label, from 0 to 2.

    References
    ----------
    Brier, Monthly Weather Review 1950 (the original, unhalved form).
    """
    return _mean(row_brier_score(labels, probabilities), weight)


def _mean(values: Floats, weight: ArrayLike | None) -> Metric:
    weights = as_weight(weight, len(values))
    total = weights.sum()
    return Metric.of(float(weights @ values / total)) if total > 0 else Metric.null("no rows with a weight above 0")


@dataclass(frozen=True)
class ReliabilityBins:
    """Equal-width bins of a reliability diagram; returned by :func:`reliability_bins`.

    Attributes
    ----------
    edges : (bins + 1,) float64
    weight : (bins,) float64
        Weight of the rows in each bin.
    mean_probability, observed_share : (bins,) float64
        NaN where a bin is empty.
    """

    edges: Floats
    weight: Floats
    mean_probability: Floats
    observed_share: Floats


def bin_of(probability: ArrayLike, bins: int) -> NDArray[np.intp]:
    """Index of the equal-width bin of each probability; bins hold their lower edge, the last one its upper, too."""
    return np.clip((np.asarray(probability, np.float64) * bins).astype(np.intp), 0, bins - 1)


def reliability_bins(
    positive: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, bins: int = BINS
) -> ReliabilityBins:
    """Predicted against observed shares in `bins` bins of equal width.

    Equal width, not equal mass: sites are so rare that all bins of equal mass would lie at probability 0.
    """
    values = np.asarray(probability, np.float64)
    weights, index = as_weight(weight, len(values)), bin_of(values, bins)
    total = sums_by(index, weights, bins)
    sums = (sums_by(index, weights * x, bins) for x in (values, np.asarray(positive, np.float64)))
    predicted, observed = (ratio(s, total) for s in sums)
    return ReliabilityBins(np.linspace(0.0, 1.0, bins + 1), total, predicted, observed)


def expected_calibration_error(
    positive: ArrayLike, probability: ArrayLike, weight: ArrayLike | None = None, bins: int = BINS
) -> Metric:
    """Mean distance of predicted and observed share over equal-width bins, weighted by the weight of each bin.

    References
    ----------
    Guo et al., On calibration of modern neural networks, ICML 2017.
    """
    found = reliability_bins(positive, probability, weight, bins)
    used = found.weight > 0
    if not used.any():
        return Metric.null("no rows with a weight above 0")
    gap = np.abs(found.mean_probability[used] - found.observed_share[used])
    return Metric.of(float(found.weight[used] @ gap / found.weight[used].sum()))
