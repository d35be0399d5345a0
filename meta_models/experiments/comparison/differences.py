"""Figures of runs on the rows they share, and their paired differences with intervals over families."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.experiments.comparison.rows import Scores, SharedRows, same_folds
from meta_models.experiments.comparison.significance import FoldTest, bootstrap_p_value, corrected_t_test, holm
from meta_models.metrics import (
    METRICS,
    Draws,
    FamilyStatistic,
    Interval,
    RankingStatistic,
    SumStatistic,
    family_bootstrap,
    heavy_row_share,
    interval_of,
    observed,
    sound_average_precision,
)
from meta_models.schema import SITE_CLASSES

Floats = NDArray[np.float64]
AP, TOP_K, LOG_LOSS = "average_precision", "top_k_accuracy", "log_loss"
MEAN, ALL = "mean", "all"
GENOMIC, TABLE = "genomic", "table"
_RANKING = (AP, TOP_K)


@dataclass(frozen=True)
class Difference:
    """One figure of two runs out of fold, and the second minus the first, with 95 % intervals over families.

    Attributes
    ----------
    lower, upper : float or None
        Of the difference, which is paired; those of the two figures themselves are wider.
    stratum : str
        Name of a subset of the rows, or ``"all"``.
    p_value, adjusted_p_value : float or None
        Two-sided, of the bootstrap; adjusted for how many runs are compared with the control (Holm).
    """

    population: str
    metric: str
    target: str
    a: float | None
    b: float | None
    difference: float | None
    lower: float | None
    upper: float | None
    families: int
    reason: str | None
    a_lower: float | None
    a_upper: float | None
    b_lower: float | None
    b_upper: float | None
    stratum: str = ALL
    p_value: float | None = None
    adjusted_p_value: float | None = None


@dataclass(frozen=True)
class Figure:
    """A figure of one run, as it is and in every resample.

    Attributes
    ----------
    value : float
        NaN where undefined.
    resampled : (samples,) float64
    families_with_sites : int
        Families that can move it.
    undecided : str or None
        Why it says nothing although it can be computed.
    """

    value: float
    resampled: Floats
    families_with_sites: int
    undecided: str | None = None


#: A metric and what it is of: a class, ``"mean"`` of donor and acceptor, or ``"all"`` classes.
Name = tuple[str, str]
Figures = Mapping[Name, Figure]


@dataclass(frozen=True)
class Comparison:
    """What of the rows is compared, and by how many resamples.

    Attributes
    ----------
    samples, seed : int
        Of the bootstrap.
    stratum : str
        Name of `mask`.
    mask : (n,) bool or None
        Rows that are compared; None: all of them.
    losses : bool
        Whether log-loss is compared, too.
    """

    samples: int
    seed: int
    stratum: str = ALL
    mask: NDArray[np.bool_] | None = None
    losses: bool = True


def populations_of(rows: SharedRows) -> dict[str, NDArray[np.float32] | None]:
    """Weights by population, that of the headline first."""
    genomic = {} if rows.weight is None else {GENOMIC: rows.weight}
    return {**genomic, TABLE: None}


def differences_to(rows: SharedRows, control: int, comparison: Comparison) -> dict[int, list[Difference]]:
    """Every other run against run number `control`: mean average precision of the headline's population first.

    p-values are adjusted over the runs, for each figure on its own.
    """
    others = [run for run in range(len(rows.scores)) if run != control]
    found: dict[int, list[Difference]] = {run: [] for run in others}
    families = _families_within(rows, comparison.mask)
    draws = Draws.make(families.count, comparison.samples, comparison.seed)
    for population, weight in populations_of(rows).items():
        figures = [_figures(rows, scores, weight, families, draws, comparison) for scores in rows.scores]
        for name, one in figures[control].items():
            pairs = [(one, figures[run][name]) for run in others]
            each = [_difference(population, name, *pair, families.count, comparison) for pair in pairs]
            for run, difference in zip(others, _adjusted(each), strict=True):
                found[run].append(difference)
    return found


def fold_test(rows: SharedRows, control: int, run: int) -> FoldTest:
    """Corrected t-test over folds of the mean average precision.

    In the headline's population; where a fold has no figure there (a few heavy rows decide it), in that of the table.
    """
    folds = rows.folds[control]
    if not same_folds(folds, rows.folds[run]):
        return FoldTest(None, None, 0, "the runs held out other genes together")
    found = FoldTest(None, None, 0)
    for population, weight in populations_of(rows).items():
        values = [fold_figures(rows.labels, rows.scores[one], folds, weight) for one in (run, control)]
        found = replace(corrected_t_test(values[0] - values[1]), population=population)
        if np.isfinite(values).all():
            return found
    return found


def fold_figures(
    labels: NDArray[np.uint8], scores: Scores, folds: NDArray[np.int64], weight: NDArray[np.float32] | None
) -> Floats:
    """Mean average precision of donor and acceptor in every fold, (folds,); NaN where there is none."""

    def of(mine: NDArray[np.bool_]) -> float:
        """Mean of both classes in one fold; NaN where a class is missing."""
        weights = None if weight is None else weight[mine]
        parts = [sound_average_precision(labels[mine] == c, scores[mine, c], weights).value for c in SITE_CLASSES]
        return float(np.mean([np.nan if part is None else part for part in parts]))

    return np.array([of(folds == fold) for fold in np.unique(folds)])


def better(difference: Difference) -> bool | None:
    """Whether the second run is better, or worse, beyond the interval; None where neither is shown."""
    if difference.lower is None or difference.upper is None or difference.lower <= 0 <= difference.upper:
        return None
    return (difference.lower > 0) == METRICS[difference.metric].higher_is_better


@dataclass(frozen=True)
class _Families:
    """Families of the rows that are compared, renumbered."""

    codes: NDArray[np.int64]
    count: int


def _families_within(rows: SharedRows, mask: NDArray[np.bool_] | None) -> _Families:
    if mask is None:
        return _Families(rows.families, rows.n_families)
    present, codes = np.unique(rows.families[mask], return_inverse=True)
    return _Families(codes.astype(np.int64), len(present))


def _figures(
    rows: SharedRows, scores: Scores, weight: NDArray[np.float32] | None, families: _Families, draws: Draws,
    comparison: Comparison,
) -> dict[Name, Figure]:  # fmt: skip
    """All figures of one run; a mean of the classes first."""
    mask = slice(None) if comparison.mask is None else comparison.mask
    labels, scores, weight = rows.labels[mask], scores[mask], None if weight is None else weight[mask]
    undecided = _undecided(labels, scores, weight)
    by_class = {}
    for target in SITE_CLASSES:
        ranked = RankingStatistic(labels == target, scores[:, target], weight, families.codes, families.count)
        by_class[target.label] = dict(_of(ranked, _RANKING, draws, ranked.families_with_sites))
    found = {(metric, MEAN): _mean([figures[metric] for figures in by_class.values()]) for metric in _RANKING}
    found |= {(metric, label): by_class[label][metric] for label in by_class for metric in _RANKING}
    if comparison.losses:
        sums = SumStatistic(labels, scores, weight, families.codes, families.count)
        found[LOG_LOSS, ALL] = dict(_of(sums, (LOG_LOSS,), draws, families.count))[LOG_LOSS]
    return {
        (metric, target): replace(figure, undecided=undecided.get(target) if metric == AP else None)
        for (metric, target), figure in found.items()
    }


def _of(statistic: FamilyStatistic, names: Sequence[str], draws: Draws, families: int) -> Iterator[tuple[str, Figure]]:
    values, resampled = observed(statistic), family_bootstrap(statistic, draws)
    for name in names:
        yield name, Figure(values[name], resampled[name], families)


def _mean(parts: Sequence[Figure]) -> Figure:
    return Figure(
        float(np.mean([part.value for part in parts])),
        np.mean([part.resampled for part in parts], axis=0),
        min(part.families_with_sites for part in parts),
    )


def _undecided(labels: NDArray[np.uint8], scores: Scores, weight: NDArray[np.float32] | None) -> dict[str, str]:
    """Why the average precision of a class, or the mean of both, says nothing, where a few heavy rows decide it."""
    if weight is None:
        return {}
    heavy = {target.label: heavy_row_share(labels == target, scores[:, target], weight) for target in SITE_CLASSES}
    found = {label: rows.text for label, rows in heavy.items() if rows.decisive}
    return found | ({MEAN: "; ".join(f"{name}: {text}" for name, text in found.items())} if found else {})


def _difference(
    population: str, name: Name, one: Figure, two: Figure, families: int, comparison: Comparison
) -> Difference:
    undecided = one.undecided or two.undecided
    if undecided is not None:
        nothing = (None,) * 5
        return Difference(population, *name, *nothing, families, undecided, *nothing[:4], stratum=comparison.stratum)
    with_sites = min(one.families_with_sites, two.families_with_sites)
    between = interval_of(two.resampled - one.resampled, with_sites)
    of_one, of_two = (interval_of(figure.resampled, with_sites) for figure in (one, two))
    known = between.lower is not None
    return Difference(
        population, *name, _finite(one.value), _finite(two.value), _finite(two.value - one.value),
        between.lower, between.upper, families, _why(between, one, two), of_one.lower, of_one.upper, of_two.lower,
        of_two.upper, comparison.stratum, bootstrap_p_value(two.resampled - one.resampled) if known else None,
    )  # fmt: skip


def _why(between: Interval, one: Figure, two: Figure) -> str | None:
    """Why there is no interval."""
    if not np.isfinite(one.value) or not np.isfinite(two.value):
        return "no sites of the class in these rows"
    return between.reason


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _adjusted(each: Sequence[Difference]) -> list[Difference]:
    adjusted = holm([difference.p_value for difference in each])
    return [replace(difference, adjusted_p_value=p) for difference, p in zip(each, adjusted, strict=True)]
