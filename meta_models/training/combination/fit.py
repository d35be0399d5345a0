"""Fitting a combination of members on out-of-fold probabilities, cross-fitted where it is reported."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from meta_models.model.combinations import Combination, Mean, Voting
from meta_models.training.combination.best import fit_best
from meta_models.training.combination.greedy import fit_greedy
from meta_models.training.combination.per_bin import fit_per_bin
from meta_models.training.combination.routed import fit_routed
from meta_models.training.combination.stack import Floats, Options, Stack
from meta_models.training.combination.stacking import fit_blending, fit_stacking
from meta_models.training.combination.weighted import fit_weighted

Fit = Callable[[Stack, Options], Combination]

#: Combinations without parameters.
PLAIN: dict[str, Combination] = {"mean": Mean(), "voting": Voting()}
#: How the parameters of the others are fitted, by the name of the method.
FITS: dict[str, Fit] = {
    "weighted": fit_weighted,
    "greedy": fit_greedy,
    "stacking": fit_stacking,
    "blending": fit_blending,
    "per-bin": fit_per_bin,
    "best": fit_best,
    "routed": fit_routed,
}


def fit_combination(stack: Stack, method: str, options: Options) -> Combination:
    """Fit on rows that no member has seen."""
    return PLAIN[method] if method in PLAIN else FITS[method](stack, options)


def cross_fit(stack: Stack, method: str, options: Options) -> tuple[Floats, dict[int, Combination]]:
    """Combined probabilities (n, K), those of a fold by parameters fitted on the other folds; and these by fold."""
    combined = np.empty(stack.members.shape[1:])
    by_fold: dict[int, Combination] = {}
    for fold in np.unique(stack.folds):
        inside = stack.folds == fold
        others = stack if method in PLAIN else stack.rows(~inside)
        by_fold[int(fold)] = fit_combination(others, method, options)
        combined[inside] = stack.rows(inside).combined(by_fold[int(fold)])
    return combined, by_fold
