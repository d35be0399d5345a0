"""Fitting the calibrators on out-of-fold scores, and the cross-fitted values that are reported."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from meta_models.config import TrainingConfig
from meta_models.model.calibrators import Calibrator, IsotonicCalibrator, PlattCalibrator, apply_calibrators, logit
from meta_models.schema import SpliceClass

Floats = NDArray[np.float64]
_EDGE = 1e-7


def fit_calibrators(
    scores: Floats, labels: NDArray[np.integer], weights: NDArray[np.float32], config: TrainingConfig
) -> tuple[Calibrator, ...]:
    """One calibrator per class (or one shared by all) from the out-of-fold scores (n, K)."""
    classes = range(scores.shape[1])
    truth = np.stack([labels == c for c in classes], axis=1)
    if config.calibrate_per_class:
        return tuple(_fit(scores[:, c], truth[:, c], weights, config) for c in classes)
    shared = _fit(scores.ravel(), truth.ravel(), np.repeat(weights, len(classes)), config)
    return (shared,) * len(classes)


def fold_calibrators(
    scores: Floats,
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    folds: NDArray[np.int16],
    config: TrainingConfig,
) -> dict[int, tuple[Calibrator, ...]]:
    """For each fold the calibrators fitted on the other folds."""
    outside = {int(fold): folds != fold for fold in np.unique(folds)}
    return {fold: fit_calibrators(scores[rows], labels[rows], weights[rows], config) for fold, rows in outside.items()}


def apply_by_fold(
    scores: Floats,
    folds: NDArray[np.int16],
    calibrators: Mapping[int, tuple[Calibrator, ...]],
    *,
    zeros_mean: int | None = SpliceClass.NEITHER,
) -> Floats:
    """Calibrated probabilities (n, K), each row by the calibrators of its fold; `zeros_mean` as in `normalise`."""
    calibrated = np.empty_like(scores)
    for fold, of_fold in calibrators.items():
        calibrated[folds == fold] = apply_calibrators(scores[folds == fold], of_fold, zeros_mean=zeros_mean)
    return calibrated


def cross_fit(
    scores: Floats,
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    folds: NDArray[np.int16],
    config: TrainingConfig,
) -> Floats:
    """Calibrated probabilities (n, 3): those of a fold come from calibrators fitted on the other folds."""
    return apply_by_fold(scores, folds, fold_calibrators(scores, labels, weights, folds, config))


def _fit(scores: Floats, truth: NDArray[np.bool_], weights: NDArray[np.float32], config: TrainingConfig) -> Calibrator:
    scaled = weights.astype(np.float64) / weights.mean(dtype=np.float64)
    return (
        _fit_isotonic(scores, truth, scaled) if config.calib_method == "isotonic" else _fit_platt(scores, truth, scaled)
    )


def _fit_platt(scores: Floats, truth: NDArray[np.bool_], weights: Floats) -> PlattCalibrator:
    """Logistic regression on the log-odds (Platt 1999). A falling slope would turn the ranking round: it becomes 0."""
    model = LogisticRegression(C=np.inf, tol=1e-8, max_iter=1000)
    with threadpool_limits(1, user_api="blas"):  # its threads wait for one another, ten times as long as one computes
        model.fit(logit(scores)[:, None], truth, sample_weight=weights)
    slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
    if slope > 0:
        return PlattCalibrator(slope, intercept)
    share = np.clip(np.average(truth, weights=weights), _EDGE, 1 - _EDGE)
    return PlattCalibrator(0.0, float(logit(np.array([share]))[0]))


def _fit_isotonic(scores: Floats, truth: NDArray[np.bool_], weights: Floats) -> IsotonicCalibrator:
    model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
    model.fit(scores, truth.astype(np.float64), sample_weight=weights)
    return IsotonicCalibrator(np.asarray(model.X_thresholds_, np.float64), np.asarray(model.y_thresholds_, np.float64))
