"""A small booster of three classes that is never kept: what columns tell of the labels, for screening."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import xgboost as xgb
from numpy.typing import NDArray

from meta_models.schema import CLASSES

#: Probabilities of the classes, (m, 3) of float32, of columns, (m, d) of float32.
Probe: TypeAlias = Callable[[NDArray[np.float32]], NDArray[np.float32]]

_OPTIONS = {
    "objective": "multi:softprob", "num_class": len(CLASSES), "tree_method": "hist", "max_depth": 4,
    "learning_rate": 0.15, "min_child_weight": 2.0, "seed": 0, "verbosity": 0,
}  # fmt: skip


def fit_probe(inputs: NDArray[np.float32], labels: NDArray[Any], rounds: int, threads: int) -> Probe:
    """Fit `rounds` shallow trees a class to `inputs`, (n, d), NaN where missing, and the codes of `labels`, (n,)."""
    matrix = xgb.QuantileDMatrix(inputs, label=labels, nthread=threads)
    booster = xgb.train({**_OPTIONS, "nthread": threads}, matrix, rounds)

    def probe(columns: NDArray[np.float32]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = booster.inplace_predict(columns)
        return found

    return probe
