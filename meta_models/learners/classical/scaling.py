"""Features on one scale, for learners that measure distances or add up: signed logarithms, standardised, no NaN.

Everything is taken from `TrainingRows.sample`, without labels. A missing value becomes the median; features that are
missing somewhere in the sample get a second column that says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.arrays import Expected, require, require_within
from meta_models.learners.seam import Matrix, TrainingRows
from meta_models.progress import Progress
from meta_models.resources.heap import release_memory

#: Standard deviations beyond which a value counts as this: a rare feature may have a tiny spread in the sample.
FURTHEST = 10.0
_PREFIX = "scale_"
#: Logarithms of float32 are below this.
_MOST_LOG = 100.0
#: Standard deviations below this, or this share of the mean, are those of a constant.
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Scaler:
    """From features to scaled columns: one for each feature, then one for each feature that may be missing.

    Attributes
    ----------
    median, mean, factor : ndarray of float32 (n_features,)
        Of the signed logarithms; ``factor`` is 1 / standard deviation, 0 where there is none: the column is then 0.
    missing : ndarray of uint8 (n_features,)
        1 where a column says whether the value is missing.
    """

    median: NDArray[np.float32]
    mean: NDArray[np.float32]
    factor: NDArray[np.float32]
    missing: NDArray[np.uint8]

    @property
    def n_columns(self) -> int:
        """Columns of what it makes."""
        return len(self.median) + len(self._told)

    @cached_property
    def feature_of(self) -> NDArray[np.int64]:
        """The feature that each column is made of."""
        return np.concatenate([np.arange(len(self.median)), self._told])

    @cached_property
    def _told(self) -> NDArray[np.int64]:
        return np.flatnonzero(self.missing)

    def __call__(self, matrix: Matrix) -> Matrix:
        """Scaled columns (n, n_columns) of float32 features (n, n_features)."""
        scaled = np.empty((len(matrix), self.n_columns), np.float32)
        n = len(self.median)
        unknown = np.isnan(matrix)
        values = signed_log(matrix)
        np.copyto(values, self.median, where=unknown)
        np.clip((values - self.mean) * self.factor, -FURTHEST, FURTHEST, out=scaled[:, :n])
        scaled[:, n:] = unknown[:, self._told]
        return scaled

    def masked(self, features: NDArray[np.bool_] | None) -> Scaler:
        """The same, with columns of 0 of all but `features`."""
        if features is None:
            return self
        keep = features.astype(np.float32)
        return Scaler(self.median, self.mean, self.factor * keep, self.missing * features.astype(np.uint8))

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """What it consists of, for files."""
        return {f"{_PREFIX}{name}": getattr(self, name) for name in ("median", "mean", "factor", "missing")}


def fit_scaler(sample: Matrix) -> Scaler:
    """Medians, means and standard deviations of the signed logarithms of `sample`."""
    n = sample.shape[1]
    median, mean, factor = np.zeros(n), np.zeros(n), np.zeros(n)
    missing = np.zeros(n, np.uint8)
    for k in range(n):  # a column at a time: statistics in float64 would take twice the memory of the sample
        unknown = np.isnan(sample[:, k])
        missing[k] = unknown.any()
        known = sample[:, k][~unknown].astype(np.float64)
        if len(known):
            logs = np.sign(known) * np.log1p(np.abs(known))
            spread = logs.std()
            median[k], mean[k] = np.median(logs), logs.mean()
            factor[k] = 1 / spread if spread > _LEAST_SPREAD * max(1.0, abs(mean[k])) else 0
    return Scaler(median.astype(np.float32), mean.astype(np.float32), factor.astype(np.float32), missing)


def signed_log(values: Matrix) -> Matrix:
    """``sign(x) log(1 + |x|)``: ratios of scores span many powers of ten."""
    return np.copysign(np.log1p(np.abs(values)), values)


def expected_of_scaler(n_inputs: int) -> dict[str, Expected]:
    """What the files of `Scaler.arrays` must be like."""
    floats = Expected("<f4", (n_inputs,))
    return {f"{_PREFIX}{name}": floats for name in ("median", "mean", "factor")} | {
        f"{_PREFIX}missing": Expected("|u1", (n_inputs,))
    }


def scaler_from(arrays: Mapping[str, Any], *, columns: int) -> Scaler:
    """The scaler that `Scaler.arrays` came from, which must make so many `columns`.

    Raises
    ------
    MalformedModel
    """
    scaler = Scaler(*(arrays[f"{_PREFIX}{name}"] for name in ("median", "mean", "factor", "missing")))
    require((scaler.missing <= 1).all(), "scale_missing must be 0 or 1")
    require((scaler.factor >= 0).all(), "scale_factor must not be negative")
    for name, most in (("median", _MOST_LOG), ("mean", _MOST_LOG), ("factor", 1.01 / _LEAST_SPREAD)):
        require_within(getattr(scaler, name), most, f"{_PREFIX}{name}")
    require(scaler.n_columns == columns, f"the scaler must make {columns} columns")
    return scaler


def scaled_rows(rows: TrainingRows, scaler: Scaler) -> Matrix:
    """All rows scaled, float32 (n_rows, n_columns), streamed."""
    table = np.empty((rows.table.n_rows, scaler.n_columns), np.float32)
    done = 0
    for chunk in Progress("Scaling the rows").track(rows.chunks(), len(table)):
        table[done : done + len(chunk)] = scaler(chunk)
        done += len(chunk)
    release_memory()
    return table
