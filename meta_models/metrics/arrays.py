"""Array operations that every metric uses."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Below so many columns ``cumsum`` is faster than a loop over the rows.
_FEW_COLUMNS = 50


def ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> Floats:
    """Quotient where the denominator is above 0, else NaN; shapes are broadcast."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, np.float64), np.asarray(denominator, np.float64))
    result: Floats = np.full(bottom.shape, np.nan)
    np.divide(top, bottom, out=result, where=bottom > 0)
    return result


def cumulate(rows: Floats) -> Floats:
    """`rows` (J, R), each of which becomes the sum of itself and all above it, in place.

    That is ``cumsum`` along the first axis; of many columns, a row at a time, as memory lies.
    """
    if rows.shape[1] < _FEW_COLUMNS:
        return np.cumsum(rows, axis=0, out=rows)
    for above, row in pairwise(rows):
        row += above
    return rows


def sums_by(index: NDArray[np.integer[Any]], values: NDArray[Any], size: int) -> Floats:
    """Sum of `values` (n,) for each `index` 0 .. `size` - 1, (size,)."""
    sums: Floats = np.bincount(index, np.asarray(values, np.float64), size).astype(np.float64, copy=False)
    return sums
