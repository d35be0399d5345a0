"""Thresholds of best F1, chosen for every fold on the other folds, for each class, stratum and scorer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.scores import Population
from meta_models.analysis.comparison.table import ALL_ROWS
from meta_models.analysis.framework.base import AnalysisContext
from meta_models.schema import SITE_CLASSES

_Floats = NDArray[np.float64]
_Mask = NDArray[np.bool_]
_KEYS = ("population", "stratum", "class", "scorer")
_FIGURES = (
    "threshold", "lowest_threshold", "highest_threshold", "f1", "precision", "recall", "f1_at_common_threshold",
    "true_sites", "called",
)  # fmt: skip


@dataclass(frozen=True)
class CrossFitted:
    """Held-out calls of one class and scorer: the threshold of each fold, and which rows are called, (n,).

    A fold is `unserved` where it holds true sites and all others hold none, from which a threshold could be chosen.
    """

    thresholds: dict[int, float]
    called: _Mask
    unserved: tuple[int, ...] = ()


@dataclass(frozen=True)
class Ranking:
    """One class and scorer, sorted once by falling score.

    Attributes
    ----------
    order : (n,) int64
        Row of each rank.
    values, positives, weights : (n,) float64
        Score, weight as a true site and weight of each rank.
    folds : (n,) int16
    """

    order: NDArray[np.int64]
    values: _Floats
    positives: _Floats
    weights: _Floats
    folds: NDArray[np.int16]

    @classmethod
    def of(cls, positive: _Mask, values: _Floats, weights: _Floats, folds: NDArray[np.int16]) -> Ranking:
        """Sort rows with scores `values` (n,), of which `positive` are true sites."""
        order = np.argsort(-values, kind="stable")
        ranked, weight = values[order], weights[order]
        return cls(order, ranked, weight * positive[order], weight, folds[order])

    def cross_fitted(self, inside: _Mask | None = None) -> CrossFitted:
        """Thresholds and calls of the rows `inside` (n,), by default of all: chosen on those of the other folds."""
        chosen = np.ones(len(self.order), np.bool_) if inside is None else inside[self.order]
        thresholds: dict[int, float] = {}
        called = np.zeros(len(self.order), np.bool_)
        unserved = []
        for fold in np.unique(self.folds[chosen]):
            held_out = self.folds == fold
            best = self._best(chosen & ~held_out)
            if best is not None:
                thresholds[int(fold)] = best
                called[self.order[chosen & held_out & (self.values >= best)]] = True
            elif self.positives[chosen & held_out].any():
                unserved.append(int(fold))
        return CrossFitted(thresholds, called, tuple(unserved))

    def _best(self, used: _Mask) -> float | None:
        """The score of best F1 on the rows `used`, by rank; None where they hold no true site."""
        rows = np.flatnonzero(used)
        hits = np.cumsum(self.positives[rows])
        if not len(rows) or hits[-1] == 0:
            return None
        values = self.values[rows]
        last = np.append(values[1:] != values[:-1], True)  # of equal scores all are called or none
        f1 = np.where(last, 2 * hits / (np.cumsum(self.weights[rows]) + hits[-1]), -1.0)
        return float(values[int(np.argmax(f1))])


def operating_points(context: AnalysisContext) -> pl.DataFrame:
    """Threshold, F1, precision and recall by population, stratum, class and scorer.

    The threshold of a stratum is chosen on its own rows; ``f1_at_common_threshold`` is F1 of its rows at the threshold
    chosen on all rows.
    """
    frame, strata = context.strata
    masks = frame.select(**{name: expression.fill_null(value=False) for name, expression in strata.items()})
    inside = {ALL_ROWS: np.ones(frame.height, np.bool_), **{name: masks[name].to_numpy() for name in masks.columns}}
    rows = [row for population in context.scores.populations for row in _points(context, population, inside)]
    schema = {**dict.fromkeys(_KEYS, pl.String), **dict.fromkeys(_FIGURES, pl.Float64), "reason": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _points(
    context: AnalysisContext, population: Population, strata: dict[str, _Mask]
) -> Iterator[tuple[str | float | None, ...]]:
    scores = context.scores
    weights = population.weights_or_ones(len(scores.labels))
    for target in SITE_CLASSES:
        positive = scores.is_class(target)
        for name, values in scores.scorers.items():
            ranking = Ranking.of(positive, values[:, target], weights, scores.folds)
            common = ranking.cross_fitted()
            for stratum, inside in strata.items():
                own = common if stratum == ALL_ROWS else ranking.cross_fitted(inside)
                found = None if common.unserved else _f1(positive, weights, inside & common.called, inside)[0]
                yield population.name, stratum, target.label, name, *_figures(own, positive, weights, inside, found)


def _figures(
    fitted: CrossFitted, positive: _Mask, weights: _Floats, inside: _Mask, common: float | None
) -> tuple[float | str | None, ...]:
    """The columns of one row, in the order of `_FIGURES`, and why figures are null."""
    chosen = list(fitted.thresholds.values())
    true, called = (float(weights[mask].sum()) for mask in (inside & positive, inside & fitted.called))
    if true == 0:
        return (*[None] * 7, true, called, "no true sites")
    if fitted.unserved:
        return (*[None] * 6, common, true, None, "all true sites are in one fold: none to choose a threshold on")
    figures = _f1(positive, weights, inside & fitted.called, inside)
    return (float(np.mean(chosen)), min(chosen), max(chosen), *figures, common, true, called, "")


def _f1(
    positive: _Mask, weights: _Floats, called: _Mask, inside: _Mask
) -> tuple[float | None, float | None, float | None]:
    """F1, precision and recall of the calls `called` among the rows `inside`; None where undefined."""
    true, calls = float(weights[inside & positive].sum()), float(weights[called].sum())
    hits = float(weights[called & positive].sum())
    if true == 0:
        return None, None, None
    return 2 * hits / (true + calls), hits / calls if calls else None, hits / true
