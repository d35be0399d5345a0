"""Trivial combiners of base scores: opponents that a meta-model has to beat, too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from meta_models.metrics import normalised
from meta_models.schema import CLASSES, SpliceClass
from meta_models.workers import run_shares

if TYPE_CHECKING:
    from sklearn.pipeline import Pipeline

Floats = NDArray[np.float64]
Scores = NDArray[np.floating[Any]]

#: Scores are clipped here (and at 1 minus it) before the log-odds.
_CLIP = 1e-7


def mean_of_scores(bases: Sequence[Scores]) -> Floats:
    """Mean of the normalised scores of several base models, (n, 3)."""
    total = np.zeros(bases[0].shape)
    for scores in bases:
        total += normalised(scores)
    return total / len(bases)


def fit_logistic(
    labels: NDArray[np.integer[Any]], bases: Sequence[Scores], weight: Floats | None, *, max_rows: int, seed: int
) -> Pipeline | None:
    """Multinomial logistic regression on the log-odds of all base scores; None where a class is absent.

    Parameters
    ----------
    labels : (n,) int
    bases : sequence of (n, 3) arrays
    weight : (n,) float64, optional
    max_rows : int
        All sites are used, and so many of the other rows that this number is kept; their weights make up for it.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(np.unique(labels)) < len(CLASSES):
        return None
    rows, factor = _thinned(labels, max_rows, seed)
    weights = (np.ones(len(labels)) if weight is None else weight)[rows] * factor
    used = weights > 0
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", tol=1e-8, max_iter=200))
    x = _log_odds([scores[rows[used]] for scores in bases])
    model.fit(x, labels[rows[used]], logisticregression__sample_weight=weights[used])
    return model


def predict_logistic(model: Pipeline, bases: Sequence[Scores]) -> Floats:
    """Class probabilities (n, 3) of a model of :func:`fit_logistic`."""
    probabilities: Floats = model.predict_proba(_log_odds(bases))
    return probabilities


def cross_fitted_logistic(
    labels: NDArray[np.integer[Any]],
    bases: Sequence[Scores],
    fold: NDArray[np.integer[Any]],
    weight: Floats | None,
    *,
    max_rows: int,
    seed: int,
    threads: int = 1,
) -> Floats | None:
    """Out-of-fold probabilities (n, 3) of the logistic combiner; None with one fold or where a class is absent.

    `threads` folds are fitted at the same time, in processes of their own, which changes no figure.
    """

    def of_fold(held_out: int) -> Floats | None:
        """Scores of one fold, of which nothing was fitted on."""
        rest, here = fold != held_out, fold == held_out
        of_rest = None if weight is None else weight[rest]
        model = fit_logistic(labels[rest], [s[rest] for s in bases], of_rest, max_rows=max_rows, seed=seed)
        return None if model is None else predict_logistic(model, [s[here] for s in bases])

    folds = np.unique(fold).tolist()
    if len(folds) < 2:
        return None
    result = np.empty((len(labels), len(CLASSES)))
    import sklearn.linear_model  # noqa: F401 - once here, not in each child

    found = run_shares(folds, of_fold, [1.0] * len(folds), processes=threads)
    for held_out, probabilities in found.items():
        if probabilities is None:
            return None
        result[fold == held_out] = probabilities
    return result


def _log_odds(bases: Sequence[Scores]) -> Floats:
    clipped = np.clip(np.hstack(list(bases)).astype(np.float64), _CLIP, 1 - _CLIP)
    odds: Floats = np.log(clipped) - np.log1p(-clipped)
    return odds


def _thinned(labels: NDArray[np.integer[Any]], max_rows: int, seed: int) -> tuple[NDArray[np.intp], Floats]:
    """Rows to fit on, sorted, and the factor that each row's weight takes."""
    sites = np.flatnonzero(labels != SpliceClass.NEITHER)
    others = np.flatnonzero(labels == SpliceClass.NEITHER)
    kept = min(len(others), max(max_rows - len(sites), 1))
    drawn = np.random.default_rng(seed).choice(others, kept, replace=False) if kept < len(others) else others
    rows = np.sort(np.concatenate([sites, drawn]))
    return rows, np.where(labels[rows] == SpliceClass.NEITHER, len(others) / kept, 1.0)
