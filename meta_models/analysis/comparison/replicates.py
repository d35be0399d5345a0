"""All figures of one scorer on one set of rows, with their bootstrap replicates and what the weights do to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.metrics import (
    METRICS,
    Draws,
    HeavyRows,
    Interval,
    Metric,
    RankingStatistic,
    SumStatistic,
    design_error,
    design_interval,
    family_bootstrap,
    observed,
    weight_effects,
)
from meta_models.metrics.heavy_rows import MENTIONED_LOSS
from meta_models.schema import SITE_CLASSES, SpliceClass

Floats = NDArray[np.float64]
#: Metric name and target: ``("average_precision", "donor")``, ``("log_loss", "all")``.
Key = tuple[str, str]

MEAN, ALL = "mean", "all"
#: Metrics that count positions of the genome.
PER_MEGABASE = frozenset({"false_positives_per_megabase_at_recall_95"})
#: Metrics that depend on the weight of the negatives above the sites.
HEAVY_SENSITIVE = frozenset(
    {
        "average_precision",
        "top_k_accuracy",
        "precision_at_recall_90",
        "precision_at_recall_95",
        "false_positives_per_megabase_at_recall_95",
    }
)


@dataclass(frozen=True)
class Rows:
    """Rows to score on.

    Attributes
    ----------
    labels : (n,) uint8
    weight : (n,) float64 or None
        None where every row counts once.
    family : (n,) int64
        Codes 0 .. `n_families` - 1.
    thinned : bool
        Whether rows are counted once although they stand for many positions.
    """

    labels: NDArray[np.uint8]
    weight: Floats | None
    family: NDArray[np.int64]
    n_families: int
    thinned: bool = False


@dataclass(frozen=True)
class Figures:
    """Figures of one scorer; returned by :func:`figures_of`.

    Attributes
    ----------
    points : mapping of (metric, target) to Metric
        Every metric of :data:`~meta_models.metrics.METRICS`, with targets donor, acceptor and mean, or all.
    replicates : mapping of (metric, target) to (samples,) float64
        Empty where no draws were given.
    families : mapping of target to int
        Families that can move the figure.
    heavy : mapping of class name to HeavyRows
        Empty where rows have no weights.
    slopes : mapping of target to (n,) float64
        Derivatives of average precision with respect to the weights; empty where rows have none.
    """

    points: dict[Key, Metric]
    replicates: dict[Key, Floats]
    families: dict[str, int]
    heavy: dict[str, HeavyRows] = field(default_factory=dict)
    slopes: dict[str, Floats] = field(default_factory=dict)

    def design_interval(self, target: str, weight: Floats) -> Interval:
        """Of average precision on all positions of the same genes, where rows have a `weight` (n,)."""
        point = self.points["average_precision", target]
        if point.value is None:
            return Interval(None, None, point.reason)
        names = [c.label for c in SITE_CLASSES] if target == MEAN else [target]
        parts = [self.heavy[name] for name in names]
        fewest = min((part.effective_rows for part in parts if part.loss >= MENTIONED_LOSS), default=np.inf)
        return design_interval(
            point.value,
            float(np.mean([part.loss for part in parts])),
            design_error(self.slopes[target], weight),
            max(part.unseen for part in parts) / len(parts),
            fewest,
        )

    def effects(self, key: Key) -> dict[str, HeavyRows]:
        """What the weights do to the classes behind this figure."""
        metric, target = key
        if metric not in HEAVY_SENSITIVE:
            return {}
        classes = [c.label for c in SITE_CLASSES] if target == MEAN else [target]
        return {name: self.heavy[name] for name in classes if name in self.heavy}


def figures_of(rows: Rows, scores: NDArray[np.floating[Any]], draws: Draws | None = None) -> Figures:
    """Score `scores` (n, 3) on `rows`, with replicates where `draws` are given."""
    values: dict[Key, float] = {}
    replicates: dict[Key, Floats] = {}
    families = {ALL: rows.n_families}
    for target in SITE_CLASSES:
        ranking = RankingStatistic(rows.labels == target, scores[:, target], rows.weight, rows.family, rows.n_families)
        families[target.label] = ranking.families_with_sites
        values |= {(name, target.label): value for name, value in observed(ranking).items()}
        if draws is not None and ranking.families_with_sites:
            replicates |= {(name, target.label): v for name, v in family_bootstrap(ranking, draws).items()}
    sums = SumStatistic(rows.labels, scores, rows.weight, rows.family, rows.n_families)
    values |= {_key(name): value for name, value in observed(sums).items()}
    if draws is not None:
        replicates |= {_key(name): v for name, v in family_bootstrap(sums, draws).items()}
    families[MEAN] = min(families[target.label] for target in SITE_CLASSES)
    heavy, slopes = _weight_effects(rows, scores)
    points = {key: _point(key, value, rows, scores, heavy.get(key[1])) for key, value in values.items()}
    _add_means(points, replicates)
    return Figures(points, replicates, families, heavy, slopes)


def _key(name: str) -> Key:
    metric, _, target = name.partition("/")
    return metric, target or ALL


def _point(key: Key, value: float, rows: Rows, scores: NDArray[np.floating[Any]], heavy: HeavyRows | None) -> Metric:
    name, target = key
    if rows.thinned and name in PER_MEGABASE:
        return Metric.null("the rows of the table are a sample of the positions: they make no megabase")
    if not np.isfinite(value):
        which = SpliceClass.NEITHER if target == ALL else SpliceClass[target.upper()]
        return METRICS[name].function(rows.labels, scores, rows.weight, which)
    if heavy is not None and heavy.decisive and name in HEAVY_SENSITIVE:
        return Metric.null(heavy.text)
    return Metric.of(value)


def _weight_effects(rows: Rows, scores: NDArray[np.floating[Any]]) -> tuple[dict[str, HeavyRows], dict[str, Floats]]:
    if rows.weight is None:
        return {}, {}
    heavy, slopes = {}, {}
    for target in SITE_CLASSES:
        found = weight_effects(rows.labels == target, scores[:, target], rows.weight)
        heavy[target.label], slopes[target.label] = found
    slopes[MEAN] = np.mean([slopes[target.label] for target in SITE_CLASSES], axis=0)
    return heavy, slopes


def _reasons(parts: dict[str, Metric]) -> list[str]:
    """Why classes have no figure, each with its reason; one that all of them share stands alone."""
    given = {label: part.reason for label, part in parts.items() if part.reason is not None}
    shared = set(given.values())
    if len(given) == len(parts) and len(shared) == 1:
        return [reason for reason in shared if reason]
    return [f"{label}: {reason}" for label, reason in given.items()]


def _add_means(points: dict[Key, Metric], replicates: dict[Key, Floats]) -> None:
    """Add the mean of donor and acceptor of every per-class metric."""
    for name in [spec.name for spec in METRICS.values() if spec.per_class]:
        parts = {target.label: points[name, target.label] for target in SITE_CLASSES}
        reasons = _reasons(parts)
        found = [part.value for part in parts.values() if part.value is not None]
        points[name, MEAN] = Metric.null("; ".join(reasons)) if reasons else Metric.of(float(np.mean(found)))
        drawn = [replicates[name, target.label] for target in SITE_CLASSES if (name, target.label) in replicates]
        if len(drawn) == len(SITE_CLASSES):
            replicates[name, MEAN] = np.mean(drawn, axis=0)
