"""Tests beside the bootstrap over families: over folds, over several runs, over several tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

#: Friedman's statistic needs so many runs.
LEAST_RANKED = 3
#: With fewer tables than this the critical difference only describes.
ENOUGH_TABLES = 10
_LEVEL = 0.95
#: Below this p-value a test shows a difference.
SIGNIFICANT = 0.05


@dataclass(frozen=True)
class FoldTest:
    """Whether a difference is more than the folds scatter; returned by :func:`corrected_t_test`.

    Attributes
    ----------
    p_value : float or None
        Two-sided, of the corrected resampled t-test.
    plain_p_value : float or None
        What the paired t-test says, which takes the folds for independent; for the reader who expects it.
    folds : int
    reason : str or None
        Why there is no p-value.
    population : str
        Population whose figures were compared, where it is known.
    """

    p_value: float | None
    plain_p_value: float | None
    folds: int
    reason: str | None = None
    population: str = ""


@dataclass(frozen=True)
class RankTest:
    """Ranks of runs over tables; returned by :func:`friedman_test`.

    Attributes
    ----------
    mean_ranks : tuple of float
        Of each run; 1 is best, ties share their mean rank. Empty where no table has a figure of every run.
    statistic, p_value : float or None
        Of Friedman's test.
    critical_difference : float or None
        Mean ranks further apart than this differ (Nemenyi, 95 %).
    tables : int
    reason : str or None
        Why there is no test, or why it only describes.
    """

    mean_ranks: tuple[float, ...]
    statistic: float | None
    p_value: float | None
    critical_difference: float | None
    tables: int
    reason: str | None = None


def corrected_t_test(differences: ArrayLike) -> FoldTest:
    """Paired t-test over folds whose variance counts that any two folds share most of their training genes.

    The variance of the mean of k differences is taken as ``(1/k + 1/(k - 1))`` times their variance, where a fold is
    1/k of the table; the plain test takes ``1/k``.

    Parameters
    ----------
    differences : (k,) float
        Of the same figure of two runs in each of the same folds.

    References
    ----------
    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52, 2003.
    """
    values = np.asarray(differences, np.float64)
    k = len(values)
    if k < 2:
        return FoldTest(None, None, k, f"a test over folds needs 2 of them at least, found {k}")
    if not np.isfinite(values).all():
        return FoldTest(None, None, k, f"{int((~np.isfinite(values)).sum())} of {k} folds have no figure")
    variance = float(values.var(ddof=1))
    if variance == 0:
        return FoldTest(None, None, k, "the difference is the same in every fold")
    mean = abs(float(values.mean()))
    corrected, plain = (mean / np.sqrt(variance * factor) for factor in (1 / k + 1 / (k - 1), 1 / k))
    return FoldTest(float(2 * stats.t.sf(corrected, k - 1)), float(2 * stats.t.sf(plain, k - 1)), k)


def bootstrap_p_value(differences: ArrayLike) -> float | None:
    """Two-sided p-value of bootstrap differences: how often they lie on the other side of 0; None where undefined.

    Parameters
    ----------
    differences : (samples,) float
        NaN where undefined.

    References
    ----------
    Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 4.4 (the +1).
    """
    values = np.asarray(differences, np.float64)
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    below, above = (int((values <= 0).sum()), int((values >= 0).sum()))
    return float(min(1.0, 2 * (min(below, above) + 1) / (len(values) + 1)))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """p-values adjusted for how many there are; None stays None and is not counted.

    References
    ----------
    Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6, 1979.
    """
    known = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for rank, (p, place) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - rank)))
        adjusted[place] = highest
    return adjusted


def friedman_test(figures: ArrayLike) -> RankTest:
    """Whether runs differ over several tables, by their ranks in each.

    Parameters
    ----------
    figures : (tables, runs) float
        Higher is better.

    References
    ----------
    Demsar, Statistical comparisons of classifiers over multiple data sets, JMLR 7, 2006.
    """
    values = np.asarray(figures, np.float64)
    tables, runs = values.shape
    ranks = tuple(float(rank) for rank in stats.rankdata(-values, axis=1).mean(axis=0))
    if tables < 2 or runs < LEAST_RANKED:
        needs = f"Friedman's test needs 2 tables and {LEAST_RANKED} runs, found {tables} and {runs}"
        return RankTest(ranks, None, None, None, tables, needs)
    statistic, p_value = stats.friedmanchisquare(*values.T)
    studentized = stats.studentized_range.ppf(_LEVEL, runs, np.inf) / np.sqrt(2)
    critical = float(studentized * np.sqrt(runs * (runs + 1) / (6 * tables)))
    few = f"{tables} tables only: it describes them, and shows nothing beyond" if tables < ENOUGH_TABLES else None
    if not np.isfinite(p_value):
        return RankTest(ranks, None, None, critical, tables, "all runs rank alike in every table")
    return RankTest(ranks, float(statistic), float(p_value), critical, tables, few)
