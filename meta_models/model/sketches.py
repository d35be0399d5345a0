"""What the values of a feature looked like in training: small enough to be kept with the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Weighted quantiles at which bins end; the least and the largest value are bounds of their own.
_QUANTILES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
_DIGITS = 6
_SUM_TOLERANCE = 1e-3


@dataclass(frozen=True)
class FeatureSketch:
    """The distribution of one feature; made by :func:`sketch_feature`.

    Attributes
    ----------
    dtype : str
        Arrow type of the column.
    edges : tuple of float, (B - 1,)
        Increasing. Bin k holds the values above ``edges[k - 1]`` up to and including ``edges[k]``; the first bin lies
        below all values of training, the last one above them. Empty where every value was missing.
    shares : tuple of float, (B,)
        Weighted share of the values that are not missing in each bin; sums to 1.
    missing : float
        Weighted share of missing values.
    median, spread : float or None
        Weighted median, and distance of the 5th from the 95th percentile; None where every value was missing.
    effective_rows : float
        How many independent rows the shares rest on, after weights and the likeness of rows of one gene.
    """

    dtype: str
    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing: float
    median: float | None
    spread: float | None
    effective_rows: float

    def __post_init__(self) -> None:
        if len(self.shares) != len(self.edges) + 1 or not 0 <= self.missing <= 1:
            raise ValueError("a sketch needs one share more than edges, and a share of missing values")
        if not np.isfinite([*self.edges, *self.shares, self.effective_rows]).all() or np.any(np.diff(self.edges) <= 0):
            raise ValueError("a sketch needs finite, increasing edges and finite shares")
        if min(self.shares) < 0 or abs(sum(self.shares) - 1) > _SUM_TOLERANCE:
            raise ValueError("the shares of a sketch are not negative and sum to 1")

    def bins(self, values: NDArray[np.floating[Any]]) -> NDArray[np.intp]:
        """The bin of each value that is not missing, (n,)."""
        return np.searchsorted(np.asarray(self.edges), values, side="left")


def sketch_features(
    sample: NDArray[np.float32],
    names: Sequence[str],
    dtypes: Sequence[str],
    *,
    weights: NDArray[np.floating[Any]],
    genes: NDArray[np.integer[Any]],
) -> dict[str, FeatureSketch]:
    """The sketch of each feature from a sample of rows.

    Parameters
    ----------
    sample : ndarray of float32, (n, F)
        NaN where a value is missing.
    names, dtypes : sequence of str, (F,)
    weights : ndarray, (n,)
        How many rows of the population each row stands for.
    genes : ndarray of int, (n,)
        Code of each row's gene.
    """
    return {
        name: sketch_feature(sample[:, k], dtype, weights=weights, genes=genes)
        for k, (name, dtype) in enumerate(zip(names, dtypes, strict=True))
    }


def sketch_feature(
    values: NDArray[np.float32],
    dtype: str,
    *,
    weights: NDArray[np.floating[Any]],
    genes: NDArray[np.integer[Any]],
) -> FeatureSketch:
    """The sketch of one feature; parameters as in :func:`sketch_features`, `values` (n,)."""
    known = ~np.isnan(values)
    total = float(weights.sum())
    missing = 1 - float(weights[known].sum()) / total
    if not known.any():
        return FeatureSketch(dtype, (), (1.0,), 1.0, None, None, effective_rows(weights, genes, None))
    found, heavy = values[known].astype(np.float64), weights[known].astype(np.float64)
    quantiles = weighted_quantiles(found, heavy, (0.05, 0.5, 0.95, *_QUANTILES))
    low, median, high = (_rounded(q) for q in quantiles[:3])
    least, most = float(found.min()), float(found.max())
    below = float(np.nextafter(np.float32(least), np.float32(-np.inf)))
    edges = np.unique([below, *quantiles[3:], most])
    bins = np.searchsorted(edges, found, side="left")
    shares = np.bincount(bins, heavy, len(edges) + 1) / heavy.sum()
    return FeatureSketch(
        dtype=dtype,
        edges=tuple(edges.tolist()),
        shares=tuple(map(_rounded, shares)),
        missing=_rounded(missing),
        median=median,
        spread=_rounded(high - low),
        effective_rows=_rounded(effective_rows(heavy, genes[known], bins)),
    )


def weighted_quantiles(
    values: NDArray[np.float64], weights: NDArray[np.float64], at: Sequence[float]
) -> NDArray[np.float64]:
    """The least values with at least the share `at` of the weight at or below them, (len(at),)."""
    order = np.argsort(values, kind="stable")
    cumulated = np.cumsum(weights[order])
    found = np.searchsorted(cumulated, np.asarray(at) * cumulated[-1], side="left")
    return np.asarray(values[order[np.minimum(found, len(values) - 1)]])


def effective_rows(
    weights: NDArray[np.floating[Any]], genes: NDArray[np.integer[Any]], bins: NDArray[np.integer[Any]] | None
) -> float:
    """Rows of an unweighted sample of independent rows that tells as much.

    Where two rows of one gene are alike to the degree `icc` (one-way analysis of variance of the bins; 1 without bins),
    the variance of a weighted share is ``(icc sum(W_g^2) + (1 - icc) sum(w_i^2)) / (sum w_i)^2`` times that of one row,
    with w_i the weights of the rows and W_g those of the genes.

    References
    ----------
    Kish, Survey Sampling, 1965, chapters 5 and 11.
    """
    if not len(weights):
        return 1.0
    heavy = weights.astype(np.float64)
    _, code, sizes = np.unique(genes, return_inverse=True, return_counts=True)
    icc = 1.0 if bins is None else _likeness(bins.astype(np.float64), code, sizes)
    of_genes = np.bincount(code, heavy)
    variance = icc * float(of_genes @ of_genes) + (1 - icc) * float(heavy @ heavy)
    return max(1.0, float(heavy.sum()) ** 2 / variance)


def _likeness(values: NDArray[np.float64], code: NDArray[np.intp], sizes: NDArray[np.intp]) -> float:
    n, groups = len(values), len(sizes)
    if groups in (1, n):
        return 1.0 if groups == 1 else 0.0
    means = np.bincount(code, values) / sizes
    within = float(((values - means[code]) ** 2).sum()) / (n - groups)
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (groups - 1)
    typical = (n - float((sizes**2).sum()) / n) / (groups - 1)
    whole = between + (typical - 1) * within
    return min(max((between - within) / whole, 0.0), 1.0) if whole > 0 else 0.0


def _rounded(value: float) -> float:
    return float(f"{value:.{_DIGITS}g}")


Sketches = Mapping[str, FeatureSketch]
