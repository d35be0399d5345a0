"""How the members of an ensemble are combined: fitted on out-of-fold probabilities, cross-fitted where reported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

from meta_models.config import TrainingConfig
from meta_models.model.base import ModelInfo
from meta_models.model.calibrators import Calibrator
from meta_models.model.ensemble import Combination, EnsembleMetaModel, combine, stacking_features
from meta_models.model.single import SingleModel
from meta_models.schema import CLASSES

Floats = NDArray[np.float64]
#: Probabilities (M, n, 3) of each member, NaN where a member may not score a row.
Members = NDArray[np.float32] | NDArray[np.float64]

_CLIP = 1e-7
_RIDGE = 1.0  # inverse strength of the L2 penalty of the stacking regression
_CHUNK = 65_536  # rows combined at a time


@dataclass(frozen=True)
class FittedCombination:
    """A way to combine members, with its parameters; made by `fit_combination`.

    Attributes
    ----------
    weights : ndarray of float64 (M, 3), or None
    coef, intercept : ndarray of float64 (3, 3 M) and (3,), or None
        As in :func:`meta_models.model.ensemble.combine`.
    """

    method: Combination
    weights: Floats | None = None
    coef: Floats | None = None
    intercept: Floats | None = None

    def model(
        self,
        members: Sequence[SingleModel],
        *,
        info: ModelInfo,
        calibrators: Sequence[Calibrator] | None = None,
    ) -> EnsembleMetaModel:
        """`members` combined in this way."""
        return EnsembleMetaModel(
            members, info=info, combination=self.method, weights=self.weights, coef=self.coef,
            intercept=self.intercept, calibrators=calibrators,
        )  # fmt: skip

    def __call__(self, members: Members) -> Floats:
        """Combined probabilities (n, K). Under voting a row's mean is that of the members that may score it."""
        result = np.empty(members.shape[1:])
        for start in range(0, len(result), _CHUNK):
            rows = slice(start, start + _CHUNK)
            chunk = members[:, rows].astype(np.float64)
            result[rows] = np.nanmean(chunk, axis=0) if self.method == "voting" else self._combined(chunk)
        return result

    def _combined(self, chunk: Floats) -> Floats:
        return combine(chunk, self.method, weights=self.weights, coef=self.coef, intercept=self.intercept)


def fit_combination(
    members: Members, labels: NDArray[np.uint8], weights: NDArray[np.float32], config: TrainingConfig
) -> FittedCombination:
    """Fit on probabilities (M, n, 3) of rows that no member has seen."""
    if config.ensemble_method == "voting":
        return FittedCombination("voting")
    shares = weights.astype(np.float64) / weights.sum(dtype=np.float64)
    if config.ensemble_method == "stacking":
        return _fit_stacking(members, labels, shares)
    fit = _fit_class_weights if config.ensemble_weights_per_class else _fit_weights
    return FittedCombination("weighted", weights=fit(members, labels, shares))


def cross_fit_combination(
    members: Members,
    labels: NDArray[np.uint8],
    weights: NDArray[np.float32],
    folds: NDArray[np.int16],
    config: TrainingConfig,
) -> tuple[Floats, dict[int, FittedCombination]]:
    """Combined probabilities (n, 3), those of a fold by parameters fitted on the other folds; and these by fold."""
    combined = np.empty((len(labels), len(CLASSES)))
    by_fold = {}
    for fold in np.unique(folds):
        inside = folds == fold
        others = members[:, ~inside] if config.ensemble_method != "voting" else members
        fitted = fit_combination(others, labels[~inside], weights[~inside], config)
        combined[inside] = fitted(members[:, inside])
        by_fold[int(fold)] = fitted
    return combined, by_fold


def _fit_weights(members: Members, labels: NDArray[np.uint8], shares: Floats) -> Floats:
    """Weights (M, 3), the same for each class, of least log-loss on the simplex: a convex problem."""
    n_members = len(members)
    own = members[:, np.arange(len(labels)), labels].astype(np.float64)

    def loss(w: Floats) -> tuple[float, Floats]:
        mixed = np.maximum(w @ own, _CLIP)
        return float(-shares @ np.log(mixed)), -(own @ (shares / mixed))

    found = minimize(
        loss, np.full(n_members, 1 / n_members), jac=True, method="SLSQP", bounds=[(0, 1)] * n_members,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)},
        options={"maxiter": 500, "ftol": 1e-10},
    )  # fmt: skip
    return np.repeat(_on_simplex(found.x)[:, None], len(CLASSES), axis=1)


def _fit_class_weights(members: Members, labels: NDArray[np.uint8], shares: Floats) -> Floats:
    """Weights (M, 3), a simplex for each class, of least log-loss after normalisation; from the shared ones on."""
    n_members, n_classes = len(members), len(CLASSES)
    truth = np.eye(n_classes)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(n_members, n_classes)
        mixed = np.maximum(np.einsum("mnk,mk->nk", members, w), _CLIP)
        total = mixed.sum(axis=1)
        value = shares @ (np.log(total) - np.log((mixed * truth).sum(axis=1)))
        slope = shares[:, None] * (1 / total[:, None] - truth / mixed)
        return float(value), np.einsum("mnk,nk->mk", members, slope).ravel()

    sums = np.tile(np.eye(n_classes), n_members)
    found = minimize(
        loss, _fit_weights(members, labels, shares).ravel(), jac=True, method="SLSQP",
        bounds=[(0, 1)] * (n_members * n_classes),
        constraints={"type": "eq", "fun": lambda w: sums @ w - 1, "jac": lambda _: sums},
        options={"maxiter": 500, "ftol": 1e-10},
    )  # fmt: skip
    return _on_simplex(found.x.reshape(n_members, n_classes))


def _on_simplex(weights: Floats) -> Floats:
    """Without the rounding of the search: none below 0, columns summing to 1."""
    clipped = np.clip(weights, 0.0, None)
    return np.asarray(clipped / clipped.sum(axis=0))


def _fit_stacking(members: Members, labels: NDArray[np.uint8], shares: Floats) -> FittedCombination:
    """Multinomial logistic regression with a ridge, on standardised log-probabilities; told in terms of raw ones."""
    features = stacking_features(members.astype(np.float64))
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1.0
    features -= centre
    features /= scale
    model = LogisticRegression(C=_RIDGE, tol=1e-6, max_iter=2000)
    model.fit(features, labels, sample_weight=shares * len(labels))
    coef = np.asarray(model.coef_, np.float64) / scale
    return FittedCombination("stacking", coef=coef, intercept=np.asarray(model.intercept_ - coef @ centre, np.float64))
