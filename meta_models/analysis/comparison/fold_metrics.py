"""The metrics of every fold and pooled, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.analysis.comparison.replicates import ALL, Rows, figures_of
from meta_models.analysis.comparison.table import GENOMIC, TABLE
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import GENE, BaseModel, SpliceClass
from meta_models.workers import run_shares

POOLED = "pooled"
META = "meta"


def fold_metrics(
    frame: pl.DataFrame,
    bases: Sequence[BaseModel],
    *,
    weighting: str,
    prediction: str = CALIBRATED,
    threads: int = 1,
) -> pl.DataFrame:
    """The metrics of each fold and pooled, for ``gene_cv_metrics.csv``.

    Parameters
    ----------
    frame, bases, weighting, prediction
        As in :func:`meta_models.analysis.comparison.evaluate.evaluate`.
    threads : int
        Folds looked at at the same time, in processes of their own; changes no figure.

    Returns
    -------
    polars.DataFrame
        One row per population and fold, then fold ``"pooled"``: ``population``, ``fold`` (String), ``genes``,
        ``rows``, ``donor_sites``, ``acceptor_sites``, ``<scorer>_<metric>`` or ``<scorer>_<metric>_<target>`` for
        scorer ``meta`` and ``base_<name>`` of each base model, and ``notes`` with the reason of every null.
    """
    columns = {META: probability_columns(prediction)} | {f"base_{base.name}": base.columns for base in bases}
    weighted = weighting != "none"
    populations = (TABLE, GENOMIC) if weighted else (TABLE,)
    parts = _parts(frame, columns, weighted=weighted)
    jobs = [(population, fold) for population in populations for fold in parts]
    work = partial(_record, parts)
    found = run_shares(jobs, work, [len(parts[fold].labels) for _, fold in jobs], processes=threads)
    return pl.DataFrame([found[job] for job in jobs], infer_schema_length=None)


def shown_folds(folds: pl.DataFrame, main: str) -> pl.DataFrame:
    """What of `fold_metrics` fits on a page: average precision and log-loss, of meta-model and base model `main`."""
    counts = [c for c in ("population", "fold", "rows", "members_used") if c in folds.columns]
    metrics = {
        "average_precision_donor": "AP donor",
        "average_precision_acceptor": "AP acceptor",
        "log_loss": "log-loss",
    }
    wanted = [
        pl.col(f"{who}_{metric}").alias(f"{short}, {name}")
        for metric, short in metrics.items()
        for who, name in ((f"base_{main}", main), (META, META))
        if f"{who}_{metric}" in folds.columns
    ]
    return folds.select(*counts, *wanted)


@dataclass(frozen=True)
class _Part:
    """The rows of a fold, or all."""

    genes: int
    labels: NDArray[np.uint8]
    weight: NDArray[np.float64] | None
    scores: Mapping[str, NDArray[np.floating[Any]]]


def _parts(frame: pl.DataFrame, columns: Mapping[str, Sequence[str]], *, weighted: bool) -> dict[str, _Part]:
    folds = sorted(frame["fold"].unique().to_list())
    frames = {str(fold): frame.filter(pl.col("fold") == fold) for fold in folds} | {POOLED: frame}
    return {
        fold: _Part(
            genes=part[GENE].n_unique(),
            labels=part["label"].to_numpy(),
            weight=part["weight"].cast(pl.Float64).to_numpy() if weighted else None,
            scores={scorer: part.select(names).to_numpy() for scorer, names in columns.items()},
        )
        for fold, part in frames.items()
    }


def _record(parts: Mapping[str, _Part], job: tuple[str, str]) -> dict[str, Any]:
    population, fold = job
    part = parts[fold]
    weight = part.weight if population == GENOMIC else None
    thinned = population == TABLE and part.weight is not None and bool(np.any(part.weight != 1))
    rows = Rows(part.labels, weight, np.zeros(len(part.labels), np.int64), 1, thinned=thinned)
    record: dict[str, Any] = {
        "population": population,
        "fold": fold,
        "genes": part.genes,
        "rows": len(part.labels),
        "donor_sites": int(np.sum(part.labels == SpliceClass.DONOR)),
        "acceptor_sites": int(np.sum(part.labels == SpliceClass.ACCEPTOR)),
    }
    reasons: dict[str, list[str]] = {}
    for scorer, scores in part.scores.items():
        for (metric, target), point in figures_of(rows, scores).points.items():
            column = f"{scorer}_{metric}" if target == ALL else f"{scorer}_{metric}_{target}"
            record[column] = point.value
            if point.reason is not None:
                reasons.setdefault(point.reason, []).append(column)
    return record | {"notes": "; ".join(f"{', '.join(names)}: {why}" for why, names in reasons.items())}
