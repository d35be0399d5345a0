"""The table of all positions that negatives are mined from, matched with the training table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.positions import Positions
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.names import known_as
from meta_models.schema import GENE, GENOMIC_POSITION, POSITION
from meta_models.wording import counted

_ROW, _LABEL = "table_row", "table_label"


@dataclass(frozen=True)
class MatchedPool:
    """The rows of a pool that belong to training genes; made by `match_pool`.

    Attributes
    ----------
    table_row : ndarray of int64 (n_rows,)
        Number of the same position in the training table; -1 where it is not in there.
    gene_row : ndarray of int64 (n_rows,)
        Number of some row of the same gene in the training table.
    """

    dataset: Dataset | GeneTable
    positions: Positions
    table_row: NDArray[np.int64]
    gene_row: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.uint8]:
        """Class of each row (n_rows,)."""
        return self.positions.labels


def match_pool(pool: Dataset | GeneTable, found: Positions, table: Positions, features: tuple[str, ...]) -> MatchedPool:
    """Find the training genes in `pool`, and the positions of the training table among theirs.

    Parameters
    ----------
    found, table : Positions
        The narrow columns of `pool`, and of the training table.
    features : tuple of str
        What the pool must have beside them.

    Raises
    ------
    InputError
        If the pool lacks a feature, a base score, a training gene, or a position of the training table, or labels one
        otherwise.
    """
    _require_columns(pool, found, table, features)
    where = _position_column(pool, found, table)
    ours = table.frame.select(pl.col(GENE).cast(pl.String), where, pl.col("label").alias(_LABEL)).with_row_index(_ROW)
    theirs = found.frame.select(known_as(found.frame[GENE], ours[GENE]), where, "label")
    genes = ours.unique(GENE, keep="first").select(GENE, pl.col(_ROW).alias("gene_row"))
    joined = theirs.join(genes, on=GENE, how="left", maintain_order="left")
    known = joined["gene_row"].is_not_null()
    _require_genes(pool, genes[GENE], joined.filter(known)[GENE])
    positions = ours.unique([GENE, where], keep="first")
    joined = joined.filter(known).join(positions, on=[GENE, where], how="left", maintain_order="left")
    _require_same(pool, positions.height, joined)
    rows = known.to_numpy()
    return MatchedPool(
        dataset=pool.with_rows(rows),
        positions=found.filter(rows),
        table_row=joined[_ROW].cast(pl.Int64).fill_null(-1).to_numpy(),
        gene_row=joined["gene_row"].cast(pl.Int64).to_numpy(),
    )


def require_features(pool: Dataset | GeneTable, features: tuple[str, ...]) -> None:
    """See that the table that is mined has every one of `features`.

    Raises
    ------
    InputError
        If it lacks some.
    """
    _require_none([c for c in features if c not in pool.features], pool)


def _require_columns(pool: Dataset | GeneTable, found: Positions, table: Positions, features: tuple[str, ...]) -> None:
    absent = [c for c in features if c not in pool.features]
    absent += [c for c in table.frame.columns if c not in found.frame.columns and c not in absent]
    if absent and set(absent) <= set(pool.columns):
        raise InputError(
            "--mine-negatives must have every base score of the training table in every row",
            " ".join((*found.notes, *found.warnings)),
            f"Correct {pool.source!r}",
        )
    _require_none(absent, pool)


def _require_none(absent: list[str], pool: Dataset | GeneTable) -> None:
    if absent:
        shown = ", ".join(absent[:20]) + (", ..." if len(absent) > 20 else "")
        raise InputError(
            "--mine-negatives must have the columns of the training table",
            f"{pool.source!r} lacks {len(absent)}: {shown}",
            "Make both tables from the same features",
        )


def _position_column(pool: Dataset | GeneTable, found: Positions, table: Positions) -> str:
    for column in (POSITION, GENOMIC_POSITION):
        if column in table.frame.columns and column in found.frame.columns:
            return column
    raise InputError(
        f"--mine-negatives needs the column {POSITION!r} or {GENOMIC_POSITION!r} in both tables",
        f"{pool.source!r} and the training table share neither",
        "Add it: it tells which positions are in the training table already",
    )


def _require_genes(pool: Dataset | GeneTable, wanted: pl.Series, found: pl.Series) -> None:
    missing = wanted.filter(~wanted.is_in(found.unique().implode())).sort()
    if missing.len():
        raise InputError(
            "--mine-negatives must hold all positions of the training genes",
            f"{pool.source!r} lacks {missing.len()} of {counted(wanted.len(), 'gene')}: {', '.join(missing.head(5))}",
            "Give the table that the training table was sampled from",
        )


def _require_same(pool: Dataset | GeneTable, n_positions: int, joined: pl.DataFrame) -> None:
    matched = joined.filter(pl.col(_ROW).is_not_null())
    unlike = matched.filter(pl.col("label") != pl.col(_LABEL)).height
    missing = n_positions - matched[_ROW].n_unique()
    if missing or unlike:
        raise InputError(
            "--mine-negatives must hold every row of the training table, with the same label",
            f"{pool.source!r} lacks {missing} of {n_positions} positions and labels {unlike} otherwise",
            "Give the table that the training table was sampled from",
        )
