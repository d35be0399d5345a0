"""What a leaderboard shows of a scorer, and by how much one scorer is better than another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.metrics.bootstrap import (
    Draws,
    Interval,
    MeanStatistic,
    RankingStatistic,
    family_bootstrap,
    interval_of,
    observed,
)
from meta_models.metrics.opponents import mean_site_ap
from meta_models.metrics.probabilities import log_loss
from meta_models.metrics.ranking import average_precision
from meta_models.schema import SITE_CLASSES, SpliceClass

Weights = NDArray[np.floating] | None


@dataclass(frozen=True)
class SiteFigures:
    """Average precision of donor and acceptor, their mean, and log-loss; None where a class has no rows."""

    donor: float | None = None
    acceptor: float | None = None
    mean: float | None = None
    log_loss: float | None = None

    @classmethod
    def of(cls, labels: NDArray[np.integer], scores: NDArray[np.floating], weights: Weights = None) -> SiteFigures:
        """Those of `scores` (n, 3) of rows with `labels` (n,), weighted by `weights` (n,) where given."""
        donor, acceptor = (
            average_precision(labels == k, scores[:, k], weights).value
            for k in (SpliceClass.DONOR, SpliceClass.ACCEPTOR)
        )
        return cls(donor, acceptor, mean_site_ap(labels, scores, weights), log_loss(labels, scores, weights).value)


@dataclass(frozen=True)
class Gain:
    """Average precision (mean of donor and acceptor) of one scorer minus that of another."""

    difference: float | None
    interval: Interval

    @property
    def real(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.interval.lower is not None and self.interval.lower > 0

    @property
    def text(self) -> str:
        """The difference and its interval."""
        if self.difference is None:
            return f"average precision is undefined ({self.interval.reason or 'a class has no rows'})"
        bounds = self.interval.reason or f"95 % {self.interval.lower:+.4f} to {self.interval.upper:+.4f}"
        return f"{self.difference:+.4f} AP ({bounds})"


@dataclass(frozen=True)
class Resampled:
    """Mean average precision of a scorer, and in each resample of the families, (samples,), NaN where undefined."""

    value: float | None
    values: NDArray[np.float64]
    families: int

    def minus(self, other: Resampled) -> Gain:
        """By how much it is better than `other`, on the same resamples."""
        known = self.value is not None and other.value is not None
        difference = self.value - other.value if known else None  # type: ignore[operator]
        return Gain(difference, interval_of(self.values - other.values, self.families))


@dataclass(frozen=True)
class SiteResamples:
    """Rows with `labels` (n,) and `weights` (n,) or None, and resamples of their `families` (n,), from 0 on."""

    labels: NDArray[np.integer]
    families: NDArray[np.integer]
    weights: Weights
    draws: Draws

    @classmethod
    def make(
        cls, labels: NDArray[np.integer], families: NDArray[np.integer], weights: Weights, *, samples: int, seed: int
    ) -> SiteResamples:
        """Draw `samples` resamples."""
        return cls(labels, families, weights, Draws.make(int(families.max()) + 1, samples, seed))

    def of(self, scores: NDArray[np.floating]) -> Resampled:
        """The figures of `scores` (n, 3)."""
        count = len(self.draws.counts)
        parts = [
            RankingStatistic(self.labels == k, scores[:, k], self.weights, self.families, count) for k in SITE_CLASSES
        ]
        name, statistic = "average_precision", MeanStatistic(parts)
        value = observed(statistic)[name]
        values = family_bootstrap(statistic, self.draws)[name]
        families = min(part.families_with_sites for part in parts)
        return Resampled(value if np.isfinite(value) else None, values, families)
