"""Genes whose sites one run ranks better than another."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from meta_models.analysis.comparison.gene_ranking import META, gene_ranking
from meta_models.experiments.comparison.rows import SharedRows
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import GENE, SITE_CLASSES

#: Average precisions of a gene that differ by less are the same.
SAME = 1e-9
_COLUMNS = (GENE, "family", "rows", *(f"{c.label}_sites" for c in SITE_CLASSES))


def gene_changes(rows: SharedRows, names: Sequence[str], control: int) -> pl.DataFrame:
    """Mean average precision of donor and acceptor of every gene with sites, of each run beside the control's.

    Returns
    -------
    polars.DataFrame
        ``run``, ``gene_id``, ``family``, ``rows``, ``donor_sites``, ``acceptor_sites``, ``control``, ``value``,
        ``difference``; a run's largest changes first.
    """
    each = [_by_gene(rows, run) for run in range(len(names))]
    found = [
        each[control]
        .rename({"value": "control"})
        .join(each[run].select(GENE, "value"), on=GENE, maintain_order="left")
        .select(
            pl.lit(name).alias("run"), *_COLUMNS, "control", "value", difference=pl.col("value") - pl.col("control")
        )
        .sort(pl.col("difference").abs(), GENE, descending=[True, False])
        for run, name in enumerate(names)
        if run != control
    ]
    return pl.concat(found)


def changed_counts(changes: pl.DataFrame) -> pl.DataFrame:
    """For each run how many genes are ranked better, worse and the same as by the control."""
    difference = pl.col("difference")
    return changes.group_by("run", maintain_order=True).agg(
        (difference > SAME).sum().alias("better"),
        (difference < -SAME).sum().alias("worse"),
        (difference.abs() <= SAME).sum().alias("same"),
    )


def _by_gene(rows: SharedRows, run: int) -> pl.DataFrame:
    """One row per gene with sites; ``value``: mean of the classes of which it has sites."""
    scores = rows.scores[run]
    columns = {name: scores[:, k] for k, name in enumerate(probability_columns(CALIBRATED))}
    weighting = "none" if rows.weight is None else "sampling_weight"
    ranked = gene_ranking(rows.frame.with_columns(**columns), (), weighting=weighting)
    value = pl.mean_horizontal(f"average_precision_{c.label}_{META}" for c in SITE_CLASSES)
    return ranked.select(pl.col(GENE).cast(pl.String), *_COLUMNS[1:], value=value).drop_nulls("value")
