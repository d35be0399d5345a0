"""What each row counts in training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta_models.config.learning import Weighting
from meta_models.schema import CLASSES

Weights = NDArray[np.float32]

#: Share of a further row of a class that repeats what its earlier rows said; the largest value that Cui et al. compare.
BETA = 0.9999


def row_weights(
    kind: Weighting,
    labels: NDArray[np.integer],
    sampling: Weights | None,
    *,
    of_classes: Sequence[float] | None = None,
    seed: int = 0,
) -> Weights | None:
    """Weights (n_rows,) of the rows in training; None where every row counts once.

    Classes are counted in the whole table: folds are stratified, so that a fold's training rows have the same shares.

    Parameters
    ----------
    kind : str
        ``sampling``: each row counts for the positions that it stands for. ``balanced``: a row counts 1 over the
        number n of rows of its class. ``effective``: 1 over their effective number, ``(1 - BETA^n) / (1 - BETA)``,
        which lies below both n and 1 / (1 - BETA). ``balanced-draws``: how often a row is drawn where as many are drawn
        of each class as the rarest has; ``oversampling``: as many as the most frequent has. Both draw with replacement,
        in proportion to `sampling` where there is some. The mean weight of these four is 1.
    sampling : ndarray of float32 (n_rows,), or None
        Column ``sampling_weight``, where the table has one.
    of_classes : sequence of float (n_classes,), optional
        What the weights of each class are multiplied by; their mean stays what it was.
    seed : int
        Of the draws.

    References
    ----------
    Cui, Jia, Lin, Song and Belongie, Class-balanced loss based on effective number of samples, CVPR 2019; Chen, Liaw
    and Breiman, Using random forest to learn imbalanced data, 2004 (balanced draws).
    """
    weights = _of_kind(kind, labels, sampling, seed)
    if of_classes is None:
        return weights
    given = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    changed = given * np.asarray(of_classes, np.float64)[labels]
    return np.asarray(changed * (given.mean() / changed.mean()), np.float32)


def _of_kind(kind: Weighting, labels: NDArray[np.integer], sampling: Weights | None, seed: int) -> Weights | None:
    if kind == "none":
        return None
    if kind == "sampling":
        return sampling
    counts = np.bincount(labels, minlength=len(CLASSES))
    if kind == "balanced-draws" or kind == "oversampling":
        present = counts[counts > 0]
        weights = _drawn(labels, sampling, int(present.min() if kind == "balanced-draws" else present.max()), seed)
    else:
        weights = class_weights(kind, counts)[labels]
    return np.asarray(weights / weights.mean(), np.float32)


def _drawn(labels: NDArray[np.integer], sampling: Weights | None, size: int, seed: int) -> NDArray[np.float64]:
    """How often each row is drawn (n_rows,), where `size` are drawn of each class."""
    rng, times = np.random.default_rng(seed), np.zeros(len(labels))
    for k in np.unique(labels):
        rows = np.flatnonzero(labels == k)
        odds = np.ones(len(rows)) if sampling is None else sampling[rows].astype(np.float64)
        times[rows] = rng.multinomial(size, odds / odds.sum())
    return times


def class_weights(kind: Literal["balanced", "effective"], counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weight (n_classes,) of a row of each class, up to a common factor: 1 over its number, or effective number."""
    present = np.maximum(counts, 1).astype(np.float64)
    effective = present if kind == "balanced" else -np.expm1(present * np.log(BETA)) / (1 - BETA)
    return np.asarray(1 / effective)
