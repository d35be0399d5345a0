"""What each row counts in training."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta_models.schema import CLASSES

Kind = Literal["none", "sampling", "balanced", "effective"]
Weights = NDArray[np.float32]

#: Share of a further row of a class that repeats what its earlier rows said; the largest value that Cui et al. compare.
BETA = 0.9999


def row_weights(kind: Kind, labels: NDArray[np.integer], sampling: Weights | None) -> Weights | None:
    """Weights (n_rows,) of the rows in training; None where every row counts once.

    Classes are counted in the whole table: folds are stratified, so that a fold's training rows have the same shares.

    Parameters
    ----------
    kind : str
        ``sampling``: each row counts for the positions that it stands for. ``balanced``: a row counts 1 over the
        number n of rows of its class. ``effective``: 1 over their effective number, ``(1 - BETA^n) / (1 - BETA)``,
        which lies below both n and 1 / (1 - BETA). The mean weight of these two is 1.
    sampling : ndarray of float32 (n_rows,), or None
        Column ``sampling_weight``, where the table has one.

    References
    ----------
    Cui, Jia, Lin, Song and Belongie, Class-balanced loss based on effective number of samples, CVPR 2019.
    """
    if kind == "none":
        return None
    if kind == "sampling":
        return sampling
    of_class = class_weights(kind, np.bincount(labels, minlength=len(CLASSES)))
    weights = of_class[labels]
    return np.asarray(weights / weights.mean(), np.float32)


def class_weights(kind: Literal["balanced", "effective"], counts: NDArray[np.integer]) -> NDArray[np.float64]:
    """Weight (n_classes,) of a row of each class, up to a common factor: 1 over its number, or effective number."""
    present = np.maximum(counts, 1).astype(np.float64)
    effective = present if kind == "balanced" else -np.expm1(present * np.log(BETA)) / (1 - BETA)
    return np.asarray(1 / effective)
