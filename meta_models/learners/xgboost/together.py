"""Sums over all rows of a table, of which this process may hold a shard alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from xgboost import collective


def summed(*parts: float) -> NDArray[np.float64]:
    """Each of `parts`, summed over the processes of a session; as it is where there is none.

    All processes get the same bits, and must ask for the same sums in the same order.
    """
    sums: NDArray[np.float64] = collective.allreduce(np.array(parts, np.float64), collective.Op.SUM)
    return sums


def mean_of(losses: NDArray[np.float32], weights: NDArray[np.float32] | None) -> float:
    """Weighted mean of the `losses` of all processes."""
    total, count = summed(*_sum_and_count(losses, weights))
    return float(total / count)


def _sum_and_count(losses: NDArray[np.float32], weights: NDArray[np.float32] | None) -> Sequence[float]:
    if weights is None:
        return float(losses.sum(dtype=np.float64)), len(losses)
    return float((losses * weights).sum(dtype=np.float64)), float(weights.sum(dtype=np.float64))
