"""What stands for a missing value in the matrices that XGBoost reads."""

from __future__ import annotations

import numpy as np

from meta_models.learners.seam import LEAST_VALUE, Matrix

#: What stands for a missing value in the matrices that XGBoost reads, in training and in serving: a number below all
#: feature values. A quantised matrix without NaN is less than half the size of one with a single NaN.
MISSING = np.float32(LEAST_VALUE)


def fill_missing(X: Matrix) -> Matrix:
    """Replace NaN by :data:`MISSING`.

    Parameters
    ----------
    X : ndarray of float32, (n, F)

    Returns
    -------
    ndarray of float32, (n, F), C-order
        `X` itself if it holds no NaN, else a filled copy: the caller's array is never written to.
    """
    missing = np.isnan(X)
    if not missing.any():
        return np.ascontiguousarray(X)
    return np.ascontiguousarray(np.where(missing, MISSING, X))
