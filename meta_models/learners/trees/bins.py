"""Features as bins of one byte a value: what trees of several libraries, and linear models of bins, are fitted on.

The bins are made of `TrainingRows.sample`, without labels, before any fold is held out. Bin 0 is that of missing
values; a row is in bin b where its value is above b of the feature's edges.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix, TrainingRows
from meta_models.learners.trees.cut_values import cut_values
from meta_models.learners.xgboost.missing import MISSING, fill_missing
from meta_models.progress import Progress
from meta_models.resources.heap import release_memory

Codes = NDArray[np.uint8]
#: Most bins of a feature, that of missing values included: a bin is one byte.
MOST_BINS = 256
#: The first edge of every feature: between missing values and all others.
_MISSING_EDGE = MISSING / 2


@dataclass(frozen=True)
class Bins:
    """Edges of the bins.

    Attributes
    ----------
    edges : tuple of ndarray of float32
        For each feature, rising, the first of them between missing and other values.
    """

    edges: tuple[NDArray[np.float32], ...]

    def codes(self, matrix: Matrix) -> Codes:
        """Bins (n, n_features) of float32 values, C-ordered."""
        filled = fill_missing(matrix)
        codes = np.empty(filled.shape, np.uint8)
        for feature, edges in enumerate(self.edges):
            codes[:, feature] = np.searchsorted(edges, filled[:, feature], side="left")
        return codes

    def values(self, codes: Codes) -> Matrix:
        """A float32 value (n, n_features) of each bin, NaN where missing: trees on these bins say the same of it."""
        values = np.empty(codes.shape, np.float32)
        for feature, edges in enumerate(self.edges):
            known = np.append(edges, np.nextafter(edges[-1], np.float32(np.inf)))
            known[0] = np.nan
            values[:, feature] = known[codes[:, feature]]
        return values

    def edge(self, feature: NDArray[np.integer], code: NDArray[np.integer]) -> NDArray[np.float32]:
        """The value t for which ``x <= t`` says of a value what ``bin <= code`` says of its bin."""
        starts = np.cumsum([0, *map(len, self.edges)])
        values: NDArray[np.float32] = np.concatenate(self.edges)[starts[feature] + code]
        return values


def make_bins(sample: Matrix, most: int = MOST_BINS) -> Bins:
    """At most `most` bins of each feature: one of missing values, and quantiles or single values of `sample`."""
    values = cut_values(sample, most - 1)
    return Bins(tuple(_edges(values[:, feature]) for feature in range(values.shape[1])))


def _edges(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Midpoints of neighbouring values, rounded down: a value is never above the edge behind it."""
    distinct = np.unique(values[values > _MISSING_EDGE])
    middle = distinct[:-1] + (distinct[1:].astype(np.float64) - distinct[:-1]) / 2
    rounded = middle.astype(np.float32)
    down = np.where(rounded > middle, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    return np.concatenate([[_MISSING_EDGE], down]).astype(np.float32)


def binned(rows: TrainingRows, bins: Bins) -> Codes:
    """The bins of all rows, (n_rows, n_features): streamed, so that the table is never in memory as floats."""
    table = np.empty((rows.table.n_rows, len(rows.features)), np.uint8)
    done = 0
    for chunk in Progress("Binning the rows").track(rows.chunks(), len(table)):
        table[done : done + len(chunk)] = bins.codes(chunk)
        done += len(chunk)
    release_memory()
    return table
