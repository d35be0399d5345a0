"""Average precision from counts at ranks, and of retrained models with paired intervals over families."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import Scores
from meta_models.metrics import Draws, Interval, family_bootstrap, interval_of, sound_average_precision
from meta_models.metrics.ranking import RankedFamilies
from meta_models.schema import SITE_CLASSES

Floats = NDArray[np.float64]
AP, MEAN = "average_precision", "mean"
#: Figures in the order in which they are shown.
TARGETS = (*(target.label for target in SITE_CLASSES), MEAN)


def precision_of_counts(positives: Floats, negatives: Floats) -> float | None:
    """Average precision from the weight of positives and negatives at each score, the highest first; None without any.

    Equal to :func:`meta_models.metrics.average_precision` of the rows; ties are one score.
    """
    found = np.cumsum(positives)
    if not len(found) or not found[-1]:
        return None
    called = found + np.cumsum(negatives)
    precision = np.divide(found, called, out=np.zeros_like(found), where=called > 0)
    return float(positives @ precision / found[-1])


class _Precision:
    """Average precision of one class as a statistic of families."""

    def __init__(self, ranked: RankedFamilies) -> None:
        self.ranked = ranked

    @property
    def n_families(self) -> int:
        return self.ranked.n_families

    @property
    def block_rows(self) -> int:
        return self.ranked.n_thresholds

    def __call__(self, multiplicity: Floats) -> dict[str, Floats]:
        return {AP: self.ranked.counts(multiplicity).average_precision()}


@dataclass(frozen=True)
class Precision:
    """Average precision of one scorer; made by :class:`Comparer`.

    Attributes
    ----------
    points : mapping of target to float
        NaN where there is no figure, because of `reasons`.
    replicates : mapping of target to (samples,) float64
    families : mapping of target to int
        Families with sites.
    reasons : mapping of target to str
        Why there is no figure, for those that have none.
    """

    points: dict[str, float]
    replicates: dict[str, Floats]
    families: dict[str, int]
    reasons: dict[str, str]

    def value(self, target: str) -> float | None:
        """The figure; None where there is none."""
        point = self.points[target]
        return point if np.isfinite(point) else None

    def interval(self, target: str) -> Interval:
        """Its 95 % interval."""
        if target in self.reasons:
            return Interval(None, None, self.reasons[target])
        return interval_of(self.replicates[target], self.families[target])

    def minus(self, other: Precision, target: str) -> tuple[float | None, Interval]:
        """The difference to `other` on the same draws, with its 95 % interval."""
        reason = self.reasons.get(target) or other.reasons.get(target)
        if reason is not None:
            return None, Interval(None, None, reason)
        interval = interval_of(self.replicates[target] - other.replicates[target], self.families[target])
        return self.points[target] - other.points[target], interval


class Comparer:
    """Scores probabilities on the rows of a run in the headline population, all on the same draws of families."""

    def __init__(self, scores: Scores, *, samples: int, seed: int) -> None:
        self._scores = scores
        self._families = int(scores.families.max(initial=0)) + 1
        self._draws = Draws.make(self._families, samples, seed)

    def __call__(self, probabilities: Floats) -> Precision:
        """Average precision of donor, acceptor and their mean of `probabilities` (n, 3)."""
        points, replicates, families = dict[str, float](), dict[str, Floats](), dict[str, int]()
        reasons: dict[str, str] = {}
        weights = self._scores.headline.weights
        for target in SITE_CLASSES:
            positive = self._scores.is_class(target)
            ranked = RankedFamilies(positive, probabilities[:, target], weights, self._scores.families, self._families)
            statistic, name = _Precision(ranked), target.label
            point = sound_average_precision(positive, probabilities[:, target], weights)
            points[name] = np.nan if point.value is None else point.value
            reasons |= {} if point.reason is None else {name: point.reason}
            replicates[name] = family_bootstrap(statistic, self._draws)[AP]
            families[name] = int(np.count_nonzero(ranked.positives_by_family))
        names = [target.label for target in SITE_CLASSES]
        points[MEAN] = float(np.mean([points[name] for name in names]))
        replicates[MEAN] = np.mean([replicates[name] for name in names], axis=0)
        families[MEAN] = min(families[name] for name in names)
        if reasons:
            reasons[MEAN] = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
        return Precision(points, replicates, families, reasons)
