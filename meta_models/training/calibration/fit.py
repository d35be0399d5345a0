"""Fitting the calibrators on out-of-fold scores, and the cross-fitted values that are reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from meta_models.config import TrainingConfig
from meta_models.model.calibrators import (
    BlendCalibrator,
    Calibrator,
    IsotonicCalibrator,
    PlattCalibrator,
    apply_calibrators,
    blend_inputs,
    logit,
)
from meta_models.schema import CLASSES, BaseModel, SpliceClass
from meta_models.training.calibration.bounded_logistic import fit_bounded_logistic

Floats = NDArray[np.float64]
_EDGE = 1e-7
#: Times the squared coefficients, added to the log-loss per row of the rarer side (of the class, or of all others):
#: where scores tell one side from the other without error, the coefficients stay finite.
_RIDGE = 1e-5


@dataclass(frozen=True)
class BaseScores:
    """The base models' scores of some rows, which blending looks at beside the meta-model's.

    Attributes
    ----------
    frame : polars.DataFrame (n_rows, ...)
        Holds their columns.
    names : tuple of tuple of str (K, B)
        The columns of each class.
    columns : tuple of tuple of int (K, B)
        Their numbers among the features of the model.
    """

    frame: pl.DataFrame
    names: tuple[tuple[str, ...], ...]
    columns: tuple[tuple[int, ...], ...]

    @classmethod
    def among(cls, features: Sequence[str], bases: Sequence[BaseModel], frame: pl.DataFrame) -> Self:
        """Those of `bases` whose three scores are all among `features`; their values stand in `frame`."""
        kept = [base for base in bases if set(base.columns) <= set(features)]
        names = tuple(tuple(base.columns[c] for base in kept) for c in CLASSES)
        return cls(frame, names, tuple(tuple(features.index(name) for name in of_class) for of_class in names))

    def rows(self, chosen: NDArray[np.bool_]) -> BaseScores:
        """Those of the rows `chosen` (n_rows,)."""
        return BaseScores(self.frame.filter(pl.Series(chosen)), self.names, self.columns)

    def values(self) -> list[NDArray[np.float32]]:
        """The scores (n_rows, B) of each class; NaN where one is missing."""
        return [self.frame.select(pl.col(of_class).cast(pl.Float32)).to_numpy() for of_class in self.names]


def fit_calibrators(
    scores: Floats,
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    config: TrainingConfig,
    bases: BaseScores | None = None,
    near: tuple[Calibrator, ...] | None = None,
) -> tuple[Calibrator, ...]:
    """One calibrator per class (or one shared by all) from the out-of-fold scores (n, K).

    Parameters
    ----------
    bases : BaseScores, optional
        Of the same rows; without them blending is Platt scaling with a slope that is not negative.
    near : tuple of Calibrator (K,), optional
        Fitted on about the same rows: fitting a blend sets out from there, and ends where it does anyway.
    """
    classes = range(scores.shape[1])
    truth = np.stack([labels == c for c in classes], axis=1)
    others = [np.empty((len(scores), 0), np.float32)] * len(classes) if bases is None else bases.values()
    columns: Sequence[tuple[int, ...]] = [()] * len(classes) if bases is None else bases.columns
    starts = near or (None,) * len(classes)
    if config.calibrate_per_class:
        fitted = [_fit(scores[:, c], truth[:, c], weights, others[c], config, starts[c]) for c in classes]
    else:
        beside = np.stack(others, axis=1).reshape(scores.size, -1)
        repeated = np.repeat(weights, len(classes))
        fitted = [_fit(scores.ravel(), truth.ravel(), repeated, beside, config, starts[0])] * len(classes)
    return tuple(_looking_at(calibrator, columns[c]) for c, calibrator in enumerate(fitted))


def fold_calibrators(
    scores: Floats,
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    folds: NDArray[np.int16],
    config: TrainingConfig,
    bases: BaseScores | None = None,
    near: tuple[Calibrator, ...] | None = None,
) -> dict[int, tuple[Calibrator, ...]]:
    """For each fold the calibrators fitted on the other folds; `near` as in `fit_calibrators`."""
    outside = {int(fold): folds != fold for fold in np.unique(folds)}
    return {
        fold: fit_calibrators(
            scores[rows], labels[rows], weights[rows], config, None if bases is None else bases.rows(rows), near
        )
        for fold, rows in outside.items()
    }


def apply_by_fold(
    scores: Floats,
    folds: NDArray[np.int16],
    calibrators: Mapping[int, tuple[Calibrator, ...]],
    bases: BaseScores | None = None,
    *,
    zeros_mean: int | None = SpliceClass.NEITHER,
) -> Floats:
    """Calibrated probabilities (n, K), each row by the calibrators of its fold; `zeros_mean` as in `normalise`."""
    calibrated = np.empty_like(scores)
    for fold, of_fold in calibrators.items():
        rows = folds == fold
        others = None if bases is None else bases.rows(rows).values()
        calibrated[rows] = apply_calibrators(scores[rows], of_fold, others, zeros_mean=zeros_mean)
    return calibrated


def cross_fit(
    scores: Floats,
    labels: NDArray[np.integer],
    weights: NDArray[np.float32],
    folds: NDArray[np.int16],
    config: TrainingConfig,
    bases: BaseScores | None = None,
) -> Floats:
    """Calibrated probabilities (n, 3): those of a fold come from calibrators fitted on the other folds."""
    return apply_by_fold(scores, folds, fold_calibrators(scores, labels, weights, folds, config, bases), bases)


def _fit(
    scores: Floats, truth: NDArray[np.bool_], weights: NDArray[np.float32], others: NDArray[np.float32],
    config: TrainingConfig, near: Calibrator | None,
) -> Calibrator:  # fmt: skip
    scaled = weights.astype(np.float64) / weights.mean(dtype=np.float64)
    if config.calib_method == "blend":
        return _fit_blend(scores, truth, scaled, others, near if isinstance(near, BlendCalibrator) else None)
    return (
        _fit_isotonic(scores, truth, scaled) if config.calib_method == "isotonic" else _fit_platt(scores, truth, scaled)
    )


def _looking_at(calibrator: Calibrator, columns: tuple[int, ...]) -> Calibrator:
    """`calibrator` with the numbers of the features that it looks at."""
    return replace(calibrator, columns=columns) if isinstance(calibrator, BlendCalibrator) else calibrator


def _fit_blend(
    scores: Floats, truth: NDArray[np.bool_], weights: Floats, others: NDArray[np.float32],
    near: BlendCalibrator | None,
) -> BlendCalibrator:  # fmt: skip
    """Logistic regression on the log-odds with coefficients that are not negative."""
    inputs = blend_inputs(scores, others)
    share = weights / max(1.0, min(float(weights[truth].sum()), float(weights[~truth].sum())))
    start = (0.0, 1.0, *[0.0] * others.shape[1]) if near is None else (near.intercept, near.slope, *near.weights)
    intercept, slope, *coefficients = fit_bounded_logistic(inputs, truth, share, _RIDGE, np.array(start)).tolist()
    return BlendCalibrator(slope, intercept, np.array(coefficients), tuple(range(len(coefficients))))


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
