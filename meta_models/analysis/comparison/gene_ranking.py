"""How well sites rank within each gene: average precision and top-k accuracy, base models beside the meta-model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.metrics import Metric, average_precision, top_k_accuracy
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import CHROM, GENE, GENE_TYPE, SITE_CLASSES, BaseModel

Scores = NDArray[np.floating[Any]]
_METRICS: dict[str, Callable[..., Metric]] = {"average_precision": average_precision, "top_k_accuracy": top_k_accuracy}
META = "meta"


def gene_ranking(frame: pl.DataFrame, bases: Sequence[BaseModel], *, weighting: str) -> pl.DataFrame:
    """One row per gene, sorted by gene.

    Parameters
    ----------
    frame : polars.DataFrame
        As for :func:`meta_models.analysis.comparison.evaluate.evaluate`.
    weighting : str
        Other than ``"none"``, rows are weighted by column ``weight``.

    Returns
    -------
    polars.DataFrame
        ``gene_id``, ``family``, ``chrom`` and ``gene_type`` where known, ``fold``, ``rows``, ``donor_sites``,
        ``acceptor_sites``, then for each metric and class a column for each base model and for the meta-model, such as
        ``average_precision_donor_meta``: null in a gene without sites of the class.
    """
    order = np.argsort(frame[GENE].cast(pl.String).rank("dense").to_numpy(), kind="stable")
    frame = frame[order]
    starts = np.flatnonzero(np.concatenate([[True], (frame[GENE] != frame[GENE].shift())[1:].to_numpy()]))
    parts = [slice(a, b) for a, b in zip(starts, [*starts[1:], frame.height], strict=True)]
    labels = frame["label"].to_numpy()
    weight = None if weighting == "none" else frame["weight"].cast(pl.Float64).to_numpy()
    scorers = {f"base_{base.name}": frame.select(base.columns).to_numpy() for base in bases}
    scorers[META] = frame.select(probability_columns(CALIBRATED)).to_numpy()
    kept = [c for c in (GENE, "family", CHROM, GENE_TYPE, "fold") if c in frame.columns]
    added = {"rows": [part.stop - part.start for part in parts]}
    added |= {f"{c.label}_sites": [int((labels[part] == c).sum()) for part in parts] for c in SITE_CLASSES}
    return (
        frame[starts]
        .select(kept)
        .with_columns(
            *(pl.Series(name, values, pl.Int64) for name, values in added.items()),
            *(pl.Series(name, values, pl.Float64) for name, values in _figures(parts, labels, weight, scorers).items()),
        )
    )


def _figures(
    parts: Sequence[slice], labels: NDArray[np.uint8], weight: Scores | None, scorers: Mapping[str, Scores]
) -> dict[str, list[float | None]]:
    return {
        f"{metric}_{target.label}_{name}": [
            function(labels[part] == target, values[part, target], None if weight is None else weight[part]).value
            for part in parts
        ]
        for metric, function in _METRICS.items()
        for target in SITE_CLASSES
        for name, values in scorers.items()
    }
