"""Whether several models agree on which features matter."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.attribution.contributions import Contributions, contributions_to, parts_of
from meta_models.schema import CLASSES

if TYPE_CHECKING:
    from meta_models.analysis.framework.base import AnalysisContext

_TOP = 20


@dataclass(frozen=True)
class Agreement:
    """Rank correlation of importance between models, and how it was computed."""

    table: pl.DataFrame
    how: str


def rank_agreement(context: AnalysisContext, explained: Contributions) -> Agreement:
    """Agreement of mean absolute contributions, (class, pair) by pair.

    Between the members of an ensemble; else between the models of the folds, each on the rows of the sample that it
    never saw; else, where no fold models were kept, between the rows of different folds under the one final model.
    """
    if len(explained.part_importance) > 1:
        named = {f"member {m}": values for m, values in enumerate(explained.part_importance)}
        return Agreement(_pairs(named), "Between members of the ensemble, on the same rows.")
    folds = context.scores.folds[explained.rows]
    if context.result.explained_fold_models:
        return Agreement(
            _pairs(_by_fold_model(context, explained, folds)),
            "Between fold models, each on rows it never saw; contributions approximated.",
        )
    named = {
        f"rows of fold {fold}": np.abs(explained.values[:, folds == fold]).mean(axis=1, dtype=np.float64)
        for fold in np.unique(folds)
    }
    return Agreement(
        _pairs(named),
        "Between the rows of different folds, all explained by the final model (no fold models were kept).",
    )


def _by_fold_model(
    context: AnalysisContext, explained: Contributions, folds: NDArray[np.int16]
) -> dict[str, NDArray[np.float64]]:
    named = {}
    for fold, model in sorted(context.result.explained_fold_models.items()):
        parts, mine = parts_of(model), folds == fold
        if parts is not None and mine.any():
            features = explained.features[mine]
            values = [
                np.abs(contributions_to(parts, target, features, approximate=True)).mean(axis=0, dtype=np.float64)
                for target in CLASSES
            ]
            named[f"fold {fold}"] = np.stack(values)
    return named


def _pairs(named: dict[str, NDArray[np.float64]]) -> pl.DataFrame:
    """Spearman's rank correlation and the overlap of the first features, of every pair and class."""
    rows = []
    for (one, a), (two, b) in combinations(named.items(), 2):
        for target in CLASSES:
            top = min(_TOP, a.shape[1])
            first = [set(np.argsort(-values[target], kind="stable")[:top].tolist()) for values in (a, b)]
            rows.append((target.label, one, two, spearman(a[target], b[target]), len(first[0] & first[1]) / top))
    schema = {
        "class": pl.String,
        "one": pl.String,
        "other": pl.String,
        "rank_correlation": pl.Float64,
        f"shared_of_top_{_TOP}": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> float | None:
    """Spearman's rank correlation; None for fewer than three values or where one side is constant."""
    from scipy.stats import spearmanr

    if len(a) < 3 or not np.ptp(a) or not np.ptp(b):
        return None
    return float(spearmanr(a, b).statistic)
