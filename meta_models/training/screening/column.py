"""What one column tells about the labels on its own: correlation, one-feature AP, missing and zero values.

Everything is computed from the groups of equal values of a column, so that a column costs one sort and a few passes.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from meta_models.schema import CLASSES, SpliceClass
from meta_models.training.screening.sample import ScreeningSample

Floats = NDArray[np.float64]

#: The questions a leak could answer, and the classes that mean yes.
TARGETS: dict[str, tuple[SpliceClass, ...]] = {
    "donor": (SpliceClass.DONOR,),
    "acceptor": (SpliceClass.ACCEPTOR,),
    "site": (SpliceClass.DONOR, SpliceClass.ACCEPTOR),
}
#: (3 classes, 3 targets): 1 where the class means yes.
POSITIVE: Floats = np.array([[float(c in classes) for classes in TARGETS.values()] for c in CLASSES])

_FINE, _COARSE = 256, 16
#: Up to so many distinct values, the group of each row is looked up among them.
_FEW_VALUES = 1000
#: Quantile bins of a column, and one for null.
N_BINS = _FINE + 1
_PRIOR_ROWS = 4.0


@dataclass(frozen=True)
class Rows:
    """What the tests of all columns share.

    Attributes
    ----------
    codes : ndarray of intp, (n,)
        ``3 * half + label``.
    gene_order : ndarray of intp, (n,)
        Rows sorted by gene, then by row number.
    gene_starts : ndarray of intp, (n_genes,)
        Where each gene starts in `gene_order`.
    row_rank : ndarray of float64, (n,)
        Rank of the row's number in the table, less its mean.
    """

    sample: ScreeningSample
    codes: NDArray[np.intp]
    gene_order: NDArray[np.intp]
    gene_starts: NDArray[np.intp]
    row_rank: Floats

    @classmethod
    def of(cls, sample: ScreeningSample, half: NDArray[np.intp]) -> Rows:
        """Sort out the rows of `sample`, whose families are in the `half` 0 or 1, (n,)."""
        order = np.lexsort((sample.rows, sample.genes))
        genes = sample.genes[order]
        starts = np.flatnonzero(np.r_[True, genes[1:] != genes[:-1]])
        rank = np.empty(len(order))
        rank[np.argsort(sample.rows, kind="stable")] = np.arange(len(order))
        codes = sample.labels.astype(np.intp) + len(CLASSES) * half
        return cls(sample, codes, order, starts, rank - rank.mean())

    @cached_property
    def n_families(self) -> int:
        """Families among the rows."""
        return len(np.unique(self.sample.families))

    @cached_property
    def prevalence(self) -> Floats:
        """Share of the positive rows of each target, (3,)."""
        counts = np.bincount(self.codes, minlength=2 * len(CLASSES)).reshape(2, len(CLASSES)).sum(axis=0)
        share: Floats = counts @ POSITIVE / counts.sum()
        return share


@dataclass(frozen=True)
class TieGroups:
    """The groups of equal values of one column.

    Attributes
    ----------
    values : ndarray of float64, (G,)
        Distinct values that are not null, ascending.
    sizes : ndarray of intp, (G,)
        Rows of each.
    group : ndarray of intp, (n,)
        Group of each row, G where it is null.
    counts : ndarray of float64, (G + 1, 2, 3)
        Rows by group, half and class; the last group is null.
    """

    values: Floats
    sizes: NDArray[np.intp]
    group: NDArray[np.intp]
    counts: Floats

    @classmethod
    def of(cls, column: NDArray[np.float32], rows: Rows) -> TieGroups:
        """Group the values of `column`, (n,)."""
        n_valid = len(column) - int(np.isnan(column).sum())
        ordered = np.sort(column)[:n_valid]
        new = np.ones(n_valid, dtype=bool)
        np.not_equal(ordered[1:], ordered[:-1], out=new[1:])
        starts = np.flatnonzero(new)
        if len(starts) <= _FEW_VALUES:  # argsort is slow where many are equal
            group = np.searchsorted(ordered[starts], column)
        else:
            group = np.full(len(column), len(starts), dtype=np.intp)
            group[np.argsort(column)[:n_valid]] = np.cumsum(new) - 1
        counts = np.bincount(group * 6 + rows.codes, minlength=6 * (len(starts) + 1))
        sizes = np.diff(starts, append=n_valid)
        return cls(ordered[starts].astype(np.float64), sizes, group, counts.reshape(-1, 2, 3).astype(np.float64))

    @property
    def n_values(self) -> int:
        """Distinct values that are not null."""
        return len(self.values)

    @property
    def whole(self) -> bool:
        """Whether all values are whole numbers."""
        return bool(np.all(self.values == np.floor(self.values)))

    @cached_property
    def by_class(self) -> Floats:
        """Rows by class and group that is not null, (3, G)."""
        return np.ascontiguousarray((self.counts[:-1, 0] + self.counts[:-1, 1]).T)

    @cached_property
    def midranks(self) -> Floats:
        """Mean rank of each group, (G,)."""
        ends = np.cumsum(self.sizes)
        middle: Floats = ends - (self.sizes - 1) / 2
        return middle


def linear_correlation(ties: TieGroups) -> Floats:
    """Pearson's correlation with each target over the rows that are not null, (3,); NaN where it is not defined."""
    total, positive = _by_target(ties)
    n = total.sum()
    if n == 0 or ties.n_values < 2:
        return np.full(len(TARGETS), np.nan)
    deviation = ties.values - (ties.values * total).sum() / n
    share = positive.sum(axis=1) / n
    covariance = (positive * deviation).sum(axis=1) / n
    variance = ((deviation**2 * total).sum() / n) * share * (1 - share)
    r: Floats = np.divide(covariance, np.sqrt(variance), out=np.full(len(TARGETS), np.nan), where=variance > 0)
    return r


def rank_correlation(ties: TieGroups) -> Floats:
    """Rank-biserial correlation with each target, 2 AUC - 1, (3,); NaN where it is not defined.

    Spearman's coefficient of a feature with a rare class of share p cannot exceed sqrt(3 p (1 - p)), about 0.36 at
    5 %; the rank-biserial correlation is Spearman's divided by that bound (Cureton, Psychometrika 1956).
    """
    total, positive = _by_target(ties)
    negative = total - positive
    below = np.cumsum(negative, axis=1) - negative / 2
    pairs = positive.sum(axis=1) * negative.sum(axis=1)
    wins = (positive * below).sum(axis=1)
    auc: Floats = np.divide(wins, pairs, out=np.full(len(TARGETS), np.nan), where=pairs > 0)
    return 2 * auc - 1


def _by_target(ties: TieGroups) -> tuple[Floats, Floats]:
    """Rows (G,) and positive rows (3 targets, G) of the groups that are not null."""
    neither, donor, acceptor = ties.by_class
    site = donor + acceptor
    return neither + site, np.stack([donor, acceptor, site])


def one_feature_ap(ties: TieGroups) -> Floats:
    """Average precision of the column alone for each target, (3,), from one half of the families to the other.

    The rates are those of :func:`bin_rates`, so a leak that is not monotone shows as well. Mean of both directions; NaN
    where a half has no row of the target.
    """
    counts = _summed(ties.counts, quantile_bins(ties), N_BINS)
    aps = [_transfer_ap(counts[:, 1 - half], counts[:, half]) for half in (0, 1)]
    mean: Floats = np.mean(aps, axis=0)
    return mean


def quantile_bins(ties: TieGroups) -> NDArray[np.intp]:
    """Quantile bin of each group, (G + 1,); null is the last group and has the last bin for itself."""
    n_valid = max(int(ties.sizes.sum()), 1)
    bins = ((ties.midranks - 0.5) * _FINE / n_valid).astype(np.intp)
    return np.append(np.clip(bins, 0, _FINE - 1), _FINE)


def bin_rates(counts: Floats) -> Floats:
    """Share of each class in each bin, from the rows in `counts`; both (N_BINS, 3).

    A tree of two levels: a bin's share is shrunk to that of its 16 neighbours, and theirs to that of all rows.
    """
    prior = counts.sum(axis=0) / max(counts.sum(), 1.0)
    coarse = np.arange(N_BINS) // (_FINE // _COARSE)
    coarse_rate = _shrunk(_summed(counts, coarse, _COARSE + 1), prior[None, :])
    return _shrunk(counts, coarse_rate[coarse])


def _transfer_ap(fitted: Floats, scored: Floats) -> Floats:
    """AP for each target of the rates of `fitted` (bins, 3 classes) on `scored` (bins, 3 classes)."""
    rate = bin_rates(fitted) @ POSITIVE
    positive, total = scored @ POSITIVE, scored.sum(axis=1)
    return np.array([binned_ap(rate[:, t], positive[:, t], total) for t in range(len(TARGETS))])


def _summed(counts: Floats, bins: NDArray[np.intp], n_bins: int) -> Floats:
    """Sum `counts` over the rows with equal values of `bins`, which ascend."""
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    sums = np.zeros((n_bins, *counts.shape[1:]))
    sums[bins[starts]] = np.add.reduceat(counts, starts, axis=0)
    return sums


def _shrunk(counts: Floats, prior: Floats) -> Floats:
    rates: Floats = (counts + _PRIOR_ROWS * prior) / (counts.sum(axis=1, keepdims=True) + _PRIOR_ROWS)
    return rates


def binned_ap(score: Floats, positive: Floats, total: Floats) -> float:
    """Average precision of rows in bins, NaN without a positive row; `score`, `positive`, `total` are (bins,)."""
    if positive.sum() == 0:
        return float("nan")
    order = np.argsort(-score, kind="stable")
    hits, seen = np.cumsum(positive[order]), np.cumsum(total[order])
    last = np.append(np.flatnonzero(np.diff(score[order])), len(order) - 1)
    hits, seen = hits[last], seen[last]
    gained = np.diff(hits, prepend=0.0)
    precision = np.divide(hits, seen, out=np.zeros_like(hits), where=seen > 0)
    return float((precision * gained).sum() / hits[-1])


def pattern_ap(marked: Floats, others: Floats) -> Floats:
    """AP of a yes/no pattern for each target, the better of both directions, (3,).

    `marked` and `others` are the rows with and without the pattern by class, (3,). NaN where the pattern does not vary
    or the target has no row.
    """
    if marked.sum() == 0 or others.sum() == 0:
        return np.full(len(TARGETS), np.nan)
    table = np.stack([marked, others])
    positive, total = table @ POSITIVE, table.sum(axis=1)
    ups = [binned_ap(np.array([1.0, 0.0]), positive[:, t], total) for t in range(len(TARGETS))]
    downs = [binned_ap(np.array([0.0, 1.0]), positive[:, t], total) for t in range(len(TARGETS))]
    return np.fmax(ups, downs)


def missing_counts(ties: TieGroups) -> tuple[Floats, Floats]:
    """Rows by class, (3,), that are null, and that are not."""
    null: Floats = ties.counts[-1].sum(axis=0)
    return null, ties.by_class.sum(axis=1)


def zero_counts(ties: TieGroups) -> tuple[Floats, Floats]:
    """Rows by class, (3,), that are zero, and that are neither zero nor null."""
    at = np.searchsorted(ties.values, 0.0)
    zero = np.zeros(len(CLASSES))
    if at < ties.n_values and ties.values[at] == 0:
        zero = ties.by_class[:, at]
    return zero, ties.by_class.sum(axis=1) - zero
