"""Which of several scorers is the best one, chosen on rows other than those it is compared on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.ranking import average_precision
from meta_models.metrics.weights import as_weight
from meta_models.schema import SITE_CLASSES


def mean_site_ap(
    labels: NDArray[np.integer], scores: NDArray[np.floating], weight: NDArray[np.floating] | None = None
) -> float | None:
    """Mean average precision of donor and acceptor; None where one of them has no rows."""
    parts = [average_precision(labels == target, scores[:, target], weight).value for target in SITE_CLASSES]
    return None if None in parts else float(np.mean(np.array(parts, np.float64)))


def best_scorer(labels: ArrayLike, scores: Mapping[str, NDArray[np.floating]], weight: ArrayLike | None = None) -> str:
    """Name of the scorer with the highest mean AP of donor and acceptor.

    Parameters
    ----------
    labels : (n,) int
    scores : mapping of name to (n, 3) float
        In order of preference: the first one wins ties, and where no figure can be computed.
    weight : (n,) float, optional
    """
    y = np.asarray(labels)
    weights = as_weight(weight, len(y))
    names = list(scores)
    if len(names) == 1:
        return names[0]
    figures = [mean_site_ap(y, scores[name], weights) for name in names]
    return names[int(np.argmax([-1.0 if figure is None else figure for figure in figures]))]


def best_by_fold(
    labels: ArrayLike,
    scores: Mapping[str, NDArray[np.floating]],
    fold: ArrayLike,
    weight: ArrayLike | None = None,
) -> dict[int, str]:
    """For each fold the best scorer on the rows of all *other* folds (see :func:`best_scorer`).

    Where folds disagree, the best on all rows stands for every fold: scores of different scales cannot be ranked
    together, so that an opponent patched from several could be worse than each of them. This favours the opponent.
    """
    y, folds = np.asarray(labels), np.asarray(fold)
    weights = as_weight(weight, len(y))
    chosen = {}
    for held_out in np.unique(folds):
        rows = folds != held_out
        chosen[int(held_out)] = best_scorer(y[rows], {k: s[rows] for k, s in scores.items()}, weights[rows])
    if len(set(chosen.values())) > 1:
        return dict.fromkeys(chosen, best_scorer(y, scores, weights))
    return chosen
