"""Whether a weighted average precision rests on many rows or on a few heavy ones.

``1 - AP`` is a sum over negatives: with T and F the weights of positives and negatives at or above a threshold, and P
the weight of all positives, negative k takes away ``w_k / P * sum_j p_j / (T_j + F_j)`` over the thresholds j at or
below it. These parts tell which rows the figure rests on. The derivatives of AP with respect to the weights give its
design error: how far the figure would move had other negatives been sampled from the same genes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.arrays import Floats, sums_by
from meta_models.metrics.ranking import average_precision, checked
from meta_models.metrics.value import Metric
from meta_models.metrics.weights import effective_sample_size

#: Fewer effective rows than this give a sum with a relative design error above 1 / sqrt(10) = 32 %.
FEW_ROWS = 10.0
#: Heavy rows that few rows carry are mentioned from here on (design error of AP then about 0.003 or more) ...
MENTIONED_LOSS = 0.01
#: ... and from here on the figure is null: its design interval is wider than +- 0.03, more than models differ by.
DECISIVE_LOSS = 0.05
#: Sites that a negative which was not drawn outranks, at least: one in twenty.
OUTRANKED = 0.05

_Place = Callable[[NDArray[np.floating], NDArray[np.floating], Floats], tuple[float, float]]


@dataclass(frozen=True)
class HeavyRows:
    """What sampled negatives (weight above 1) do to an average precision; returned by :func:`heavy_row_share`.

    Attributes
    ----------
    loss : float
        What they take away from AP.
    share : float
        `loss` as a share of all that is missing to AP 1; 0 where nothing is missing.
    largest : float
        What the heaviest of them takes away.
    effective_rows : float
        Kish's effective number of rows behind `loss`; 0 where there are none.
    design_error : float
        Standard error of AP from the sampling of negatives, linearised, under Poisson sampling. It knows the sampled
        rows only: with weights so large that none of the hard negatives may have been drawn, it is too small.
    single_row : float
        What one more sampled negative of the median weight would take from AP, had it scored like the median
        positive: how coarse the figure is, whether or not such a row was drawn.
    unseen : float
        What one more sampled negative of the mean weight would take, had it scored like the highest sampled negative or
        outranked one site in twenty, whichever is more.
    """

    loss: float
    share: float
    largest: float
    effective_rows: float
    design_error: float
    single_row: float
    unseen: float

    @property
    def few(self) -> bool:
        """Whether fewer than 10 effective rows carry a loss of at least 0.01."""
        return self.loss >= MENTIONED_LOSS and self.effective_rows < FEW_ROWS

    @property
    def decisive(self) -> bool:
        """Whether fewer than 10 effective rows carry a loss of at least 0.05: AP then depends on their draw."""
        return self.loss >= DECISIVE_LOSS and self.effective_rows < FEW_ROWS

    @property
    def coarse(self) -> bool:
        """Whether a single further row could take 0.05 from AP: a figure that looks fine may be a lucky draw."""
        return self.single_row >= DECISIVE_LOSS

    @property
    def text(self) -> str:
        """For notes and reasons."""
        return (
            f"a few heavy rows decide: {self.effective_rows:.1f} effective sampled negatives take {self.loss:.3f} "
            "from the average precision"
        )


def heavy_row_share(positive: ArrayLike, score: ArrayLike, weight: ArrayLike) -> HeavyRows:
    """The first of :func:`weight_effects`."""
    return weight_effects(positive, score, weight)[0]


def weight_effects(positive: ArrayLike, score: ArrayLike, weight: ArrayLike) -> tuple[HeavyRows, Floats]:
    """How much of what is missing to AP 1 is carried by sampled negatives, by how many, and the derivatives of AP.

    Parameters
    ----------
    positive : (n,) bool
    score : (n,) float
    weight : (n,) float
        1 / probability of being in the table: rows of weight 1 are certain, those above 1 are a sample.

    Returns
    -------
    heavy : HeavyRows
    slopes : (n,) float64
        Derivative of AP with respect to the weight of each negative, at most 0; 0 for positives.
    """
    is_positive, values, weights = checked(positive, score, weight)
    curve = _Curve.of(is_positive, values, weights)
    share, slope = curve.parts(is_positive, values)
    heavy = ~is_positive & (weights > 1)
    parts = (weights * share)[heavy]
    everything = float((weights * share)[~is_positive].sum())
    found = HeavyRows(
        loss=float(parts.sum()),
        share=float(parts.sum()) / everything if everything > 0 else 0.0,
        largest=float(parts.max(initial=0.0)),
        effective_rows=effective_sample_size(parts),
        design_error=design_error(-slope, weights),
        single_row=_one_more(curve, values[heavy], weights[heavy], _at_median_site),
        unseen=_one_more(curve, values[heavy], weights[heavy], _above_all_sampled),
    )
    return found, -slope


def sound_average_precision(positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None = None) -> Metric:
    """Average precision; null where a few heavy rows decide it."""
    found = average_precision(positive, score, weight)
    if weight is None or found.value is None:
        return found
    heavy = heavy_row_share(positive, score, weight)
    return Metric.null(heavy.text) if heavy.decisive else found


def design_error(slopes: Floats, weight: ArrayLike) -> float:
    """Standard error of a figure with derivatives `slopes` (n,) under Poisson sampling with probabilities 1 / weight.

    The variance is the sum of ``(1 - 1/w) (w slope)^2``; pass differences of slopes for the error of a difference.

    References
    ----------
    Sarndal, Swensson and Wretman, Model Assisted Survey Sampling, 1992, sections 3.2 (Poisson sampling) and 5.5
    (linearisation).
    """
    weights = np.asarray(weight, np.float64)
    return float(np.sqrt(np.sum(np.maximum(weights - 1.0, 0.0) * weights * slopes**2)))


def _one_more(curve: _Curve, sampled: NDArray[np.floating], weights: Floats, place: _Place) -> float:
    """Loss of AP by one more sampled negative, whose score and weight `place` tells."""
    if not (len(sampled) and len(curve.sites)):
        return 0.0
    score, weight = place(curve.sites, sampled, weights)
    return curve.loss_by(score, weight)


def _at_median_site(sites: NDArray[np.floating], _: NDArray[np.floating], weights: Floats) -> tuple[float, float]:
    return float(np.quantile(sites, 0.5, method="higher")), float(np.median(weights))


def _above_all_sampled(
    sites: NDArray[np.floating], sampled: NDArray[np.floating], weights: Floats
) -> tuple[float, float]:
    return float(max(sampled.max(), np.quantile(sites, OUTRANKED, method="higher"))), float(weights.mean())


@dataclass(frozen=True)
class _Curve:
    """Weights at or above each threshold, the distinct scores of positives from the lowest up.

    Attributes
    ----------
    sites : (p,) float
        Scores of the positives.
    thresholds, mass, true, false : (J,) float64
        Score, share of the weight of positives at it, weight of positives and of negatives at or above it.
    """

    sites: NDArray[np.floating]
    thresholds: NDArray[np.floating]
    mass: Floats
    true: Floats
    false: Floats

    @classmethod
    def of(cls, is_positive: NDArray[np.bool_], values: NDArray[np.floating], weights: Floats) -> _Curve:
        """The curve over the values of the positives that have a weight."""
        used = is_positive & (weights > 0)
        thresholds, at = np.unique(values[used], return_inverse=True)
        block = np.searchsorted(thresholds, values[~is_positive], side="right")
        negative = sums_by(block, weights[~is_positive], len(thresholds) + 1)[1:]
        positive = sums_by(at, weights[used], len(thresholds))
        true, false = (np.cumsum(x[::-1])[::-1] for x in (positive, negative))
        return cls(values[used], thresholds, positive / true[0] if len(true) else positive, true, false)

    def parts(self, is_positive: NDArray[np.bool_], values: NDArray[np.floating]) -> tuple[Floats, Floats]:
        """Part of 1 - AP for each unit of weight, and minus the derivative of AP, of each row; 0 for positives."""
        terms = (self.mass / (self.true + self.false), self.mass * self.true / (self.true + self.false) ** 2)
        block = np.searchsorted(self.thresholds, values, side="right")
        share, slope = (np.concatenate([[0.0], np.cumsum(term)])[block] for term in terms)
        return np.where(is_positive, 0.0, share), np.where(is_positive, 0.0, slope)

    def loss_by(self, score: float, weight: float) -> float:
        """What a further negative of this score and weight takes from AP."""
        outranked = self.thresholds <= score
        mass, true, false = self.mass[outranked], self.true[outranked], self.false[outranked]
        return float(np.sum(mass * true * (1 / (true + false) - 1 / (true + false + weight))))
