"""The metrics of every fold and pooled, as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.evaluation_table import GENOMIC, TABLE
from meta_models.analysis.figures import ALL, Rows, figures_of
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import GENE, BaseModel, SpliceClass

POOLED = "pooled"
META = "meta"


def fold_metrics(
    frame: pl.DataFrame, bases: Sequence[BaseModel], *, weighting: str, prediction: str = CALIBRATED
) -> pl.DataFrame:
    """The metrics of each fold and pooled, for ``gene_cv_metrics.csv``.

    Parameters
    ----------
    frame, bases, weighting, prediction
        As in :func:`meta_models.analysis.evaluation.evaluate`.

    Returns
    -------
    polars.DataFrame
        One row per population and fold, then fold ``"pooled"``: ``population``, ``fold`` (String), ``genes``,
        ``rows``, ``donor_sites``, ``acceptor_sites``, ``<scorer>_<metric>`` or ``<scorer>_<metric>_<target>`` for
        scorer ``meta`` and ``base_<name>`` of each base model, and ``notes`` with the reason of every null.
    """
    columns = {META: probability_columns(prediction)} | {f"base_{base.name}": base.columns for base in bases}
    populations = (TABLE,) if weighting == "none" else (TABLE, GENOMIC)
    folds = sorted(frame["fold"].unique().to_list())
    parts = {str(fold): frame.filter(pl.col("fold") == fold) for fold in folds} | {POOLED: frame}
    weighted = weighting != "none"
    records = [
        _record(name, fold, part, columns, weighted=weighted) for name in populations for fold, part in parts.items()
    ]
    return pl.DataFrame(records, infer_schema_length=None)


def _record(
    population: str, fold: str, part: pl.DataFrame, columns: dict[str, tuple[str, str, str]], *, weighted: bool
) -> dict[str, Any]:
    labels = part["label"].to_numpy()
    weight: NDArray[np.float64] | None = None
    if population == GENOMIC:
        weight = part["weight"].cast(pl.Float64).to_numpy()
    rows = Rows(labels, weight, np.zeros(len(labels), np.int64), 1, thinned=weighted and weight is None)
    record: dict[str, Any] = {
        "population": population,
        "fold": fold,
        "genes": part[GENE].n_unique(),
        "rows": len(part),
        "donor_sites": int(np.sum(labels == SpliceClass.DONOR)),
        "acceptor_sites": int(np.sum(labels == SpliceClass.ACCEPTOR)),
    }
    reasons: dict[str, list[str]] = {}
    for scorer, names in columns.items():
        points = figures_of(rows, part.select(names).to_numpy()).points
        for (metric, target), point in points.items():
            column = f"{scorer}_{metric}" if target == ALL else f"{scorer}_{metric}_{target}"
            record[column] = point.value
            if point.reason is not None:
                reasons.setdefault(point.reason, []).append(column)
    return record | {"notes": "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())}
