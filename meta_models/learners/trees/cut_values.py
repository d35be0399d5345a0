"""The values at which features are cut into bins."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.xgboost.missing import fill_missing


def cut_values(sample: NDArray[np.float32], max_bin: int) -> NDArray[np.float32]:
    """Rows (at most `max_bin`, n_features) whose distinct values are the bins of each feature.

    A matrix of these rows alone makes XGBoost cut at each of their values: every value that the sample holds, where
    there are no more than `max_bin`; else the values that fill a bin alone, and quantiles of the others. That takes one
    sorted column at a time, where XGBoost's sketch of the same sample takes 10 bytes a value.

    Parameters
    ----------
    sample : ndarray of float32 (n_sample, n_features)
        NaN is a value below all others.
    """
    columns = [_cut_column(fill_missing(sample[:, k]), max_bin) for k in range(sample.shape[1])]
    rows = np.empty((max(map(len, columns)), len(columns)), np.float32)
    for k, column in enumerate(columns):
        rows[: len(column), k], rows[len(column) :, k] = column, column[-1]
    return rows


def _cut_column(values: NDArray[np.float32], max_bin: int) -> NDArray[np.float32]:
    distinct, counts = np.unique(values, return_counts=True)
    if len(distinct) <= max_bin:
        return distinct
    alone = counts * max_bin >= len(values)
    alone[0] = True  # the least value is where the first bin begins, not a cut
    others = np.repeat(distinct[~alone], counts[~alone])
    left = max_bin - int(alone.sum())
    return np.union1d(distinct[alone], others[np.arange(left) * len(others) // max(left, 1)])
