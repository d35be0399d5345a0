"""Bootstrap over families: whole families are drawn, so that rows of relatives never count as independent.

A :class:`FamilyStatistic` keeps sums by family, so that a resample costs sparse products only; the figures of all
resamples are exact, not approximated. Base and meta-model see the same :class:`Draws`, hence differences are paired.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.metrics.ranking import RankedFamilies

Floats = NDArray[np.float64]

#: Share of resamples in which a figure may be undefined (a class not drawn) before there is no interval.
MAX_UNDEFINED = 0.05
#: Below so many families, a percentile interval is known to be too narrow.
FEW_FAMILIES = 20
#: Below so many resamples, less than one of them lies beyond each end of a 95 % interval.
FEW_RESAMPLES = 40
_LEVEL = 95.0
#: Families drawn at a time, over some resamples: within processor caches.
_DRAWN_TOGETHER = 100_000


class FamilyStatistic(Protocol):
    """Figures of a table as a function of how often each family stands in it."""

    @property
    def n_families(self) -> int:
        """Number of families."""

    @property
    def block_rows(self) -> int:
        """Rows of the largest intermediate array, for each resample computed at once."""

    def __call__(self, multiplicity: Floats) -> dict[str, Floats]:
        """Figures by name, each (R,), NaN where undefined, for (n_families, R) multiplicities."""


@dataclass(frozen=True)
class Draws:
    """Resamples of families.

    Attributes
    ----------
    counts : (n_families, samples) uint16
        How often each family stands in each resample; columns sum to n_families.
    """

    counts: NDArray[np.uint16]

    @classmethod
    def make(cls, n_families: int, samples: int, seed: int) -> Draws:
        """Draw `n_families` families with replacement, `samples` times."""
        rng = np.random.default_rng(seed)
        counts = np.empty((n_families, samples), np.uint16)
        size = max(1, _DRAWN_TOGETHER // max(n_families, 1))
        for start in range(0, samples, size):
            some = counts[:, start : start + size]
            shape = some.shape[::-1]
            drawn = rng.integers(0, n_families, shape) + np.arange(shape[0])[:, None] * n_families
            some[:] = np.bincount(drawn.ravel(), minlength=some.size).reshape(shape).T
        return cls(counts)

    def blocks(self, size: int) -> Iterator[Floats]:
        """The counts as float64, at most `size` resamples at once."""
        for start in range(0, self.counts.shape[1], size):
            yield self.counts[:, start : start + size].astype(np.float64)


@dataclass(frozen=True)
class Interval:
    """A 95 % percentile interval, or the reason why there is none (both bounds are then None).

    Attributes
    ----------
    lower, upper : float or None
    reason : str or None
    """

    lower: float | None
    upper: float | None
    reason: str | None = None


@dataclass(frozen=True)
class PairedBootstrap:
    """Two figures and their difference with 95 % intervals; returned by :func:`paired_bootstrap`."""

    base: float | None
    meta: float | None
    difference: float | None
    base_interval: Interval
    meta_interval: Interval
    difference_interval: Interval
    families: int


def family_bootstrap(statistic: FamilyStatistic, draws: Draws, *, max_values: int = 700_000) -> dict[str, Floats]:
    """Figures of all resamples, each (samples,); NaN where undefined.

    Parameters
    ----------
    max_values : int
        Most numbers in one intermediate array: bounds the memory (about ten such arrays) and changes no figure. The
        default keeps them within processor caches.

    """
    size = max(1, max_values // max(statistic.block_rows, draws.counts.shape[0], 1))
    blocks = [statistic(multiplicity) for multiplicity in draws.blocks(size)]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def observed(statistic: FamilyStatistic) -> dict[str, float]:
    """Figures of the table as it is; NaN where undefined."""
    return {name: float(values[0]) for name, values in statistic(np.ones((statistic.n_families, 1))).items()}


def interval_of(values: Floats, families: int) -> Interval:
    """Percentile interval of bootstrap figures.

    Parameters
    ----------
    values : (samples,) float64
        NaN where a figure is undefined in a resample; such resamples are left out, up to 5 % of them.
    families : int
        Families that can move the figure (those with sites of the class).

    References
    ----------
    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if families < 2:
        return Interval(None, None, f"an interval needs at least 2 families with sites, found {families}")
    defined = values[np.isfinite(values)]
    if len(values) - len(defined) > MAX_UNDEFINED * len(values):
        return Interval(None, None, f"undefined in {len(values) - len(defined)} of {len(values)} resamples")
    places = np.array([(100 - _LEVEL) / 200, (100 + _LEVEL) / 200]) * (len(defined) - 1)
    lower, upper = np.interp(places, np.arange(len(defined)), np.sort(defined))  # np.percentile, many times faster
    return Interval(float(lower), float(upper))


class RankingStatistic:
    """The ranking metrics of one class.

    Parameters
    ----------
    positive, score, weight, family, n_families
        As in :class:`~meta_models.metrics.ranking.RankedFamilies`.
    """

    def __init__(
        self, positive: ArrayLike, score: ArrayLike, weight: ArrayLike | None, family: ArrayLike, n_families: int
    ) -> None:
        self._ranked = RankedFamilies(positive, score, weight, family, n_families)

    @property
    def n_families(self) -> int:
        """Number of families."""
        return self._ranked.n_families

    @property
    def families_with_sites(self) -> int:
        """Number of families with at least one positive."""
        return int(np.count_nonzero(self._ranked.positives_by_family))

    @property
    def block_rows(self) -> int:
        """Number of thresholds."""
        return self._ranked.n_thresholds

    def __call__(self, multiplicity: Floats) -> dict[str, Floats]:
        """Ranking metrics by their name in the registry."""
        counts = self._ranked.counts(multiplicity)
        return {
            "average_precision": counts.average_precision(),
            "roc_auc": counts.roc_auc(),
            "top_k_accuracy": counts.top_k_accuracy(),
            "precision_at_recall_90": counts.precision_at_recall(0.90),
            "precision_at_recall_95": counts.precision_at_recall(0.95),
            "false_positives_per_megabase_at_recall_95": counts.false_positives_per_megabase(0.95),
        }


class MeanStatistic:
    """The mean of figures that several statistics of the same families share, of the classes say.

    Parameters
    ----------
    parts : sequence of FamilyStatistic
        At least one. A figure is undefined where it is undefined in one of them.
    """

    def __init__(self, parts: Sequence[FamilyStatistic]) -> None:
        self._parts = tuple(parts)

    @property
    def n_families(self) -> int:
        """Number of families."""
        return self._parts[0].n_families

    @property
    def block_rows(self) -> int:
        """That of the largest part."""
        return max(part.block_rows for part in self._parts)

    def __call__(self, multiplicity: Floats) -> dict[str, Floats]:
        """Mean figures by name."""
        found = [part(multiplicity) for part in self._parts]
        return {name: np.mean([figures[name] for figures in found], axis=0) for name in found[0]}


def paired_bootstrap(
    base: FamilyStatistic, meta: FamilyStatistic, name: str, *, families_with_sites: int, samples: int, seed: int
) -> PairedBootstrap:
    """Figure `name` of two statistics over the same families, and their difference, with intervals.

    Raises
    ------
    ValueError
        If the two do not have the same number of families.
    """
    if base.n_families != meta.n_families:
        raise ValueError(f"base has {base.n_families} families, meta has {meta.n_families}")
    draws = Draws.make(base.n_families, samples, seed)
    one, two = (family_bootstrap(statistic, draws)[name] for statistic in (base, meta))
    figures = [float(observed(statistic)[name]) for statistic in (base, meta)]
    intervals = (
        interval_of(one, families_with_sites),
        interval_of(two, families_with_sites),
        interval_of(two - one, families_with_sites),
    )
    of_base, of_meta, between = (float(x) if np.isfinite(x) else None for x in (*figures, figures[1] - figures[0]))
    return PairedBootstrap(of_base, of_meta, between, *intervals, base.n_families)
