"""Logistic regression on the members' log-probabilities; on all rows, or on one fold (blending)."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from meta_models.learners.jobs import mean_of_rarest
from meta_models.model.combinations import Stacking, log_probabilities
from meta_models.training.combination.stack import Options, Stack

_RIDGE = 1.0  # inverse strength of the L2 penalty


def fit_stacking(stack: Stack, options: Options) -> Stacking:  # noqa: ARG001 - one way of fitting
    """Multinomial, with a ridge, on standardised log-probabilities; told in terms of raw ones.

    Rows count 1 on average in the rarest class, as for learners: where all rows of a sampled table do, sites count so
    little that the ridge outweighs them. Out of fold on 93 human genes that cost .008 of average precision.
    """
    whole = stack.complete()
    features = log_probabilities(whole.members.astype(np.float64))
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale[scale == 0] = 1.0
    features -= centre
    features /= scale
    model = LogisticRegression(C=_RIDGE, tol=1e-6, max_iter=2000)
    weights = whole.weights.astype(np.float64)
    model.fit(features, whole.labels, sample_weight=weights / mean_of_rarest(whole.labels, weights))
    coef = np.asarray(model.coef_, np.float64) / scale
    return Stacking(coef, np.asarray(model.intercept_ - coef @ centre, np.float64))


def fit_blending(stack: Stack, options: Options) -> Stacking:
    """As `fit_stacking`, on the first of the folds alone, as if only that one had been held out."""
    return fit_stacking(stack.rows(stack.folds == stack.folds.min()), options)
