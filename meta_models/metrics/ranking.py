"""Ranking metrics of one class against the rest, exact under ties and weights.

All of them are functions of three numbers at each *threshold*, that is each distinct score with at least one positive:
the weight of positives at it, the weight of negatives tied with it, and the weight of negatives between it and the
threshold above. :class:`RankedFamilies` holds these numbers for each family, so that a resample of families costs a
sparse product and two cumulated sums, and never a sort.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from meta_models.metrics.arrays import Floats, cumulate, ratio, sums_by
from meta_models.metrics.value import Metric
from meta_models.metrics.weights import as_weight

#: Recall counts as reached within this relative tolerance, for sums of floats.
_RECALL_TOLERANCE = 1e-12
#: Below every weight that counts.
_TINY = np.finfo(np.float64).tiny

#: Indices of a threshold in each resample.
_Here = tuple[NDArray[np.intp], NDArray[np.intp]]


@dataclass(frozen=True)
class CumulatedCounts:
    """Weighted counts at the thresholds from the highest down, for R resamples at once.

    Attributes
    ----------
    positives : (J, R) float64
        Weight of positives at each threshold.
    tied_at : (K,) int
        Thresholds that negatives share, rising.
    tied : (K, R) float64
        Weight of negatives at each of those.
    true, false : (J, R) float64
        Weight of positives and of negatives at or above each threshold.
    negatives : (R,) float64
        Weight of all negatives, those below the lowest threshold included.
    """

    positives: Floats
    tied_at: NDArray[np.intp]
    tied: Floats
    true: Floats
    false: Floats
    negatives: Floats

    @property
    def total_positives(self) -> Floats:
        """Weight of all positives, (R,)."""
        return self.true[-1] if len(self.true) else np.zeros_like(self.negatives)

    def average_precision(self) -> Floats:
        """Step-wise area under the precision-recall curve, (R,); NaN without positives."""
        if not len(self.true):
            return np.full_like(self.negatives, np.nan)
        precision = self.true + self.false
        np.maximum(precision, _TINY, out=precision)  # 0 / 0 is 0; a division under a mask is far slower
        np.divide(self.true, precision, out=precision)
        return ratio(np.einsum("jr,jr->r", self.positives, precision), self.total_positives)

    def roc_auc(self) -> Floats:
        """Area under the ROC curve, ties counted half, (R,); NaN without positives or without negatives."""
        wrong = np.einsum("jr,jr->r", self.positives, self.false)
        wrong -= 0.5 * np.einsum("kr,kr->r", self.positives[self.tied_at], self.tied)
        return 1.0 - ratio(wrong, self.total_positives * self.negatives)

    def top_k_accuracy(self) -> Floats:
        """Share of positives among the k best, k the weight of positives, (R,).

        A tie over the cut is shared out evenly: the figure is its expectation over random orders.
        """
        if not len(self.true):
            return np.full_like(self.negatives, np.nan)
        k = self.total_positives
        here = self._first(lambda at: self.true[at] + self.false[at] >= k)
        group = self.positives[here] + self._tied_there(here)
        start = self.true[here] + self.false[here] - group
        inside = np.where(group > 0, np.clip(ratio(k - start, group), 0.0, 1.0), 0.0)
        return ratio(self.true[here] - self.positives[here] * (1.0 - inside), k)

    def _tied_there(self, here: _Here) -> Floats:
        """Weight of the negatives tied at a threshold of each resample, (R,)."""
        threshold, resample = here
        if not len(self.tied_at):
            return np.zeros(len(resample))
        place = np.minimum(np.searchsorted(self.tied_at, threshold), len(self.tied_at) - 1)
        return np.where(self.tied_at[place] == threshold, self.tied[place, resample], 0.0)

    def _at_recall(self, recall: float) -> _Here:
        level = recall * self.total_positives * (1 - _RECALL_TOLERANCE)
        return self._first(lambda at: self.true[at] >= level)

    def _first(self, reached: Callable[[_Here], NDArray[np.bool_]]) -> _Here:
        """The first threshold of each resample for which `reached` holds, as it does for all below it and the last."""
        resample = np.arange(len(self.negatives))
        low, high = np.zeros(len(resample), np.intp), np.full(len(resample), len(self.true) - 1)
        while np.any(low < high):
            middle = (low + high) // 2
            yes = reached((middle, resample))
            low, high = np.where(yes, low, middle + 1), np.where(yes, middle, high)
        return low, resample

    def precision_at_recall(self, recall: float) -> Floats:
        """Precision at the highest threshold that reaches `recall`, (R,); NaN without positives."""
        if not len(self.true):
            return np.full_like(self.negatives, np.nan)
        here = self._at_recall(recall)
        precision = ratio(self.true[here], self.true[here] + self.false[here])
        return np.where(self.total_positives > 0, precision, np.nan)

    def false_positives_per_megabase(self, recall: float) -> Floats:
        """Negatives at or above the highest threshold that reaches `recall`, per million positions, (R,)."""
        if not len(self.true):
            return np.full_like(self.negatives, np.nan)
        false = np.where(self.total_positives > 0, self.false[self._at_recall(recall)], np.nan)
        return 1e6 * ratio(false, self.total_positives + self.negatives)


class RankedFamilies:
    """The ranking of one class against the rest, split by family.

    Parameters
    ----------
    positive : (n,) bool
    score : (n,) float
        Finite.
    weight : (n,) float, optional
        Non-negative; rows of weight 0 do not exist.
    family : (n,) int, optional
        Codes 0 .. `n_families` - 1; one family by default.

    Raises
    ------
    ValueError
        If a score is not finite, a weight is negative or not finite, or lengths differ.
    """

    def __init__(
        self,
        positive: ArrayLike,
        score: ArrayLike,
        weight: ArrayLike | None = None,
        family: ArrayLike | None = None,
        n_families: int = 1,
    ) -> None:
        is_positive, values, weights = checked(positive, score, weight)
        codes = np.zeros(len(values), np.int64) if family is None else np.asarray(family, np.int64)
        alive = weights > 0
        ascending = np.unique(values[is_positive & alive])
        self.n_thresholds, self.n_families = len(ascending), n_families
        block = len(ascending) - np.searchsorted(ascending, values, side="right")
        negative = alive & ~is_positive
        tied = np.zeros(len(values), np.bool_)
        above = np.flatnonzero(negative & (block < len(ascending)))
        tied[above] = values[above] == ascending[::-1][block[above]]
        self._positive = self._by_family(is_positive & alive, block, codes, weights, len(ascending))
        self._false = self._by_family(negative & (block < len(ascending)), block, codes, weights, len(ascending))
        self._tied_at, place = np.unique(block[tied], return_inverse=True)
        block[tied] = place
        self._tied = self._by_family(tied, block, codes, weights, len(self._tied_at))
        self._negatives = sums_by(codes[negative], weights[negative], n_families)
        self.positives_by_family: Floats = sums_by(codes[is_positive & alive], weights[is_positive & alive], n_families)

    def _by_family(
        self, mask: NDArray[np.bool_], block: NDArray[np.intp], codes: NDArray[np.int64], weights: Floats, n_blocks: int
    ) -> sparse.csr_array | Floats:
        """Weight in each block by family, (n_blocks, n_families); dense where there is one family."""
        if self.n_families == 1:
            return sums_by(block[mask], weights[mask], n_blocks)[:, None]
        shape = (n_blocks, self.n_families)
        return sparse.coo_array((weights[mask], (block[mask], codes[mask])), shape=shape).tocsr()

    def counts(self, multiplicity: Floats) -> CumulatedCounts:
        """Cumulated counts when family f stands `multiplicity[f, r]` times in resample r; (n_families, R)."""
        positives = self._positive @ multiplicity
        false, tied = cumulate(self._false @ multiplicity), self._tied @ multiplicity
        negatives = self._negatives @ multiplicity
        return CumulatedCounts(positives, self._tied_at, tied, cumulate(positives.copy()), false, negatives)

    def observed(self) -> CumulatedCounts:
        """The counts of the data as they are (R = 1)."""
        return self.counts(np.ones((self.n_families, 1)))


def checked(
    positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray[np.bool_], NDArray[np.floating], Floats]:
    """`positive`, `score` and `weight` (ones where None) as arrays of one length.

    Raises
    ------
    ValueError
        If lengths differ, a score is not finite, or a weight is negative or not finite.
    """
    is_positive, values = np.asarray(positive, np.bool_), np.asarray(score)
    if is_positive.shape != values.shape or values.ndim != 1:
        raise ValueError(f"positive {is_positive.shape} and score {values.shape} must be vectors of one length")
    if not np.all(np.isfinite(values)):
        raise ValueError(f"scores must be finite, found {int(np.sum(~np.isfinite(values)))} that are not")
    return is_positive, values, as_weight(weight, len(values))


def _metric(ranked: RankedFamilies, values: Floats) -> Metric:
    if np.isfinite(values[0]):
        return Metric.of(values[0])
    return Metric.null("no positives with a weight above 0" if not ranked.n_thresholds else "no negatives")


def average_precision(positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Average precision, equal to ``sklearn.metrics.average_precision_score`` ties and weights included.

    Parameters
    ----------
    positive : (n,) bool
    score : (n,) float
    weight : (n,) float, optional
    """
    ranked = RankedFamilies(positive, score, weight)
    return _metric(ranked, ranked.observed().average_precision())


def roc_auc(positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Area under the ROC curve, equal to ``sklearn.metrics.roc_auc_score``; null without positives or negatives."""
    ranked = RankedFamilies(positive, score, weight)
    return _metric(ranked, ranked.observed().roc_auc())


def top_k_accuracy(positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Share of the true sites among the k highest scores, with k the (weighted) number of true sites.

    Ties over the cut count with their expectation over random orders, so the figure depends on no row order.

    References
    ----------
    Jaganathan et al., Cell 2019 (SpliceAI), where k is the number of true sites of the class.
    """
    ranked = RankedFamilies(positive, score, weight)
    return _metric(ranked, ranked.observed().top_k_accuracy())


def precision_at_recall(
    positive: ArrayLike, score: ArrayLike, recall: float, weight: ArrayLike | None = None
) -> Metric:
    """Precision at the highest threshold whose recall is at least `recall` (not the best precision below it)."""
    ranked = RankedFamilies(positive, score, weight)
    return _metric(ranked, ranked.observed().precision_at_recall(recall))


def false_positives_per_megabase(
    positive: ArrayLike, score: ArrayLike, recall: float, weight: ArrayLike | None = None
) -> Metric:
    """Negatives called per million positions at the highest threshold whose recall is at least `recall`.

    A row of weight w stands for w positions. On a down-sampled table without weights the figure is one of the table.
    """
    ranked = RankedFamilies(positive, score, weight)
    return _metric(ranked, ranked.observed().false_positives_per_megabase(recall))
