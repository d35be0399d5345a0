"""Logistic regression on the members' log-odds; on all rows, or on one fold (blending)."""

from __future__ import annotations

import numpy as np
from sklearn.linear_model import LogisticRegression

from meta_models.learners.jobs import mean_of_rarest
from meta_models.model.combinations import Stacking, log_probabilities
from meta_models.training.combination.stack import Floats, Options, Stack

#: Inverse strength of the L2 penalty. Of .01, .1, 1 and 10 the one of the highest average precision out of fold on both
#: tables of ``docs/learners.md``.
_RIDGE = 0.1


def fit_stacking(stack: Stack, options: Options) -> Stacking:  # noqa: ARG001 - one way of fitting
    """Multinomial, with a ridge, on standardised log-odds of each class against the first; told of log-probabilities.

    The log-probability of the first class is 0 of all but a few rows, which would decide what is made of it where it
    is standardised by itself. Rows count 1 on average in the rarest class, as for learners: where all rows of a sampled
    table do, sites count so little that the ridge outweighs them.
    """
    whole = stack.complete()
    odds = _log_odds(whole.members.astype(np.float64))
    centre, scale = odds.mean(axis=0), odds.std(axis=0)
    scale[scale == 0] = 1.0
    odds -= centre
    odds /= scale
    model = LogisticRegression(C=_RIDGE, tol=1e-6, max_iter=2000)
    weights = whole.weights.astype(np.float64)
    model.fit(odds, whole.labels, sample_weight=weights / mean_of_rarest(whole.labels, weights))
    slopes = np.asarray(model.coef_, np.float64) / scale
    return Stacking(_of_log_probabilities(slopes, len(whole.members)), model.intercept_ - slopes @ centre)


def _log_odds(members: Floats) -> Floats:
    """Log-odds (n, M (K - 1)) of each class against the first, of probabilities (M, n, K)."""
    logs = log_probabilities(members).reshape(members.shape[1], len(members), -1)
    return np.asarray((logs[:, :, 1:] - logs[:, :, :1]).reshape(len(logs), -1))


def _of_log_probabilities(slopes: Floats, n_members: int) -> Floats:
    """Slopes (K, K M) of log-probabilities that are the same as `slopes` (K, M (K - 1)) of log-odds."""
    of_members = slopes.reshape(len(slopes), n_members, -1)
    first = -of_members.sum(axis=2, keepdims=True)
    return np.concatenate([first, of_members], axis=2).reshape(len(slopes), -1)


def fit_blending(stack: Stack, options: Options) -> Stacking:
    """As `fit_stacking`, on the first of the folds alone, as if only that one had been held out."""
    return fit_stacking(stack.rows(stack.folds == stack.folds.min()), options)
