"""The rows that several out-of-fold tables share, and what may be said of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy import sparse

from meta_models.errors import InputError
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import CHROM, CLASS_NAMES, GENE, GENOMIC_POSITION, POSITION, STRAND, base_models

Scores = NDArray[np.float32]
#: Names of genes in a message.
_SHOWN = 3
_KEY, _PLACE = "key", "place"
#: Base scores further apart than this are of other positions, or of another base model: tables round to four digits.
_ROUNDING = 1e-3


@dataclass(frozen=True)
class SharedRows:
    """Rows that all runs scored; made by :func:`shared_rows`.

    Attributes
    ----------
    frame : polars.DataFrame
        Out-of-fold table of the first run, of these rows: its genes, folds and strata hold for all runs.
    labels : (n,) uint8
    families : (n,) int64
        Codes 0 .. `n_families` - 1 of families that are related in no run.
    n_families : int
    weight : (n,) float32 or None
        Positions that each row stands for; None where that is not known or differs.
    weight_reason : str or None
        Why there are no weights, where some run has some.
    scores : sequence of (n, 3) float32
        Calibrated probabilities of each run.
    folds : sequence of (n,) int
        Of each run.
    notes : tuple of str
        What a reader must know of the rows.
    """

    frame: pl.DataFrame
    labels: NDArray[np.uint8]
    families: NDArray[np.int64]
    n_families: int
    weight: NDArray[np.float32] | None
    weight_reason: str | None
    scores: Sequence[Scores]
    folds: Sequence[NDArray[np.int64]]
    notes: tuple[str, ...]


def shared_rows(tables: Sequence[pl.DataFrame], names: Sequence[str]) -> SharedRows:
    """Bring out-of-fold tables to the rows that all of them scored, in the order of the first.

    Rows are the same where gene and position are; without positions, where gene and place within the gene are, and
    then every gene must have equally many rows in all tables.

    Parameters
    ----------
    tables : sequence of polars.DataFrame
        As in :class:`meta_models.result.TrainingResult` (``oof``), two at least.
    names : sequence of str
        Of the runs, for messages.

    Raises
    ------
    InputError
        If the runs have no gene or no row in common, or give shared rows other coordinates, labels or base scores:
        names of genes may be the same by chance.
    """
    _require_genes(tables, names)
    keyed = [_keyed(table, name) for table, name in zip(_placed(tables, names), names, strict=True)]
    places = _common_places(keyed)
    if not len(places[0]):
        raise InputError(
            "The runs must have rows in common", "Found none in the genes that they share", "Compare runs of one table"
        )
    aligned = [table[where] for table, where in zip(tables, places, strict=True)]
    labels = aligned[0]["label"].to_numpy()
    for other, name in zip(aligned[1:], names[1:], strict=True):
        _require_same_rows(aligned[0], other, (names[0], name))
    _require_labels(aligned, names)
    weight, reason = _weight(aligned, tables)
    families, joined = _families(aligned)
    folds = [table["fold"].to_numpy().astype(np.int64) for table in aligned]
    return SharedRows(
        frame=aligned[0],
        labels=labels,
        families=families,
        n_families=int(families.max()) + 1,
        weight=weight,
        weight_reason=reason,
        scores=[table.select(probability_columns(CALIBRATED)).to_numpy() for table in aligned],
        folds=folds,
        notes=(*_row_notes(tables, aligned, names), *_fold_notes(folds, names), *joined, *([reason] if reason else [])),
    )


def _require_genes(tables: Sequence[pl.DataFrame], names: Sequence[str]) -> None:
    genes = [set(table[GENE].cast(pl.String)) for table in tables]
    if not set.intersection(*genes):
        found = "; ".join(f"{n}: {', '.join(sorted(g)[:_SHOWN])}, ..." for n, g in zip(names, genes, strict=True))
        raise InputError(
            "The runs must have genes in common",
            f"Found none ({found})",
            "Compare runs of one table, or give --across-tables",
        )


def _placed(tables: Sequence[pl.DataFrame], names: Sequence[str]) -> list[pl.DataFrame]:
    """The tables with the place of each row within its gene: its position, or how many rows came before."""
    if all(POSITION in table.columns for table in tables):
        return [table.with_columns(pl.col(POSITION).cast(pl.Int64).alias(_PLACE)) for table in tables]
    counts = [table.group_by(pl.col(GENE).cast(pl.String)).len() for table in tables]
    for count, name in zip(counts[1:], names[1:], strict=True):
        other = counts[0].join(count, on=GENE).filter(pl.col("len") != pl.col("len_right"))
        if other.height:
            raise InputError(
                "Rows without positions can be compared where each gene has the same rows in all runs",
                f"Found {other.height} genes with other numbers of rows in {names[0]} and {name}",
                "Build the tables with the column 'position'",
            )
    return [table.with_columns(pl.int_range(pl.len()).over(GENE).cast(pl.Int64).alias(_PLACE)) for table in tables]


def _keyed(table: pl.DataFrame, name: str) -> pl.DataFrame:
    """Gene, place and row number of the rows that have a score."""
    columns = probability_columns(CALIBRATED)
    scored = pl.all_horizontal(pl.col(column).is_not_null() & pl.col(column).is_not_nan() for column in columns)
    number = pl.int_range(pl.len()).alias(_KEY)
    found = table.select(pl.col(GENE).cast(pl.String), _PLACE, number, scored.alias("scored"))
    found = found.filter("scored").drop("scored")
    if found.select(GENE, _PLACE).is_duplicated().any():
        raise InputError(
            "A row must be told from others by its gene and position",
            f"Found two rows of one position in the run {name}",
            "Compare runs of tables with one row per position",
        )
    return found


def _common_places(keyed: Sequence[pl.DataFrame]) -> list[NDArray[np.int64]]:
    """Row numbers of the shared rows in each table, in the order of the first."""
    joined = keyed[0].rename({_KEY: "0"})
    for number, table in enumerate(keyed[1:], 1):
        joined = joined.join(table.rename({_KEY: str(number)}), on=[GENE, _PLACE], how="inner")
    joined = joined.sort("0")
    return [joined[str(number)].to_numpy() for number in range(len(keyed))]


def _require_same_rows(one: pl.DataFrame, other: pl.DataFrame, names: tuple[str, str]) -> None:
    """Refuse rows of one gene and place that lie elsewhere, or that a base model scored otherwise."""
    shared = [name for name in one.columns if name in other.columns]
    bases = [column for base in base_models(shared) for column in base.columns]
    apart = {
        "coordinates": [
            _unlike(one[name], other[name]) for name in (CHROM, STRAND, GENOMIC_POSITION) if name in shared
        ],
        "base scores": [_far(one[name], other[name]) for name in bases],
    }
    counts = {what: int(np.any(found, axis=0).sum()) for what, found in apart.items() if found}
    if any(counts.values()):
        found = " and ".join(f"{count:,} have other {what}" for what, count in counts.items() if count)
        raise InputError(
            "Rows of one gene and position must be the same position in every run",
            f"Of the {one.height:,} rows that {names[0]} and {names[1]} seem to share, {found}: they were trained on "
            "different tables whose genes have the same names, or on scores of other base models",
            "Compare runs of one table",
        )


def _unlike(one: pl.Series, other: pl.Series) -> NDArray[np.bool_]:
    """Where two columns differ, of whatever type."""
    return one.cast(pl.String).ne_missing(other.cast(pl.String)).to_numpy()


def _far(one: pl.Series, other: pl.Series) -> NDArray[np.bool_]:
    """Where two columns of scores differ by more than rounding."""
    left, right = (series.to_numpy().astype(np.float64) for series in (one, other))
    near: NDArray[np.bool_] = np.isclose(left, right, rtol=0, atol=_ROUNDING, equal_nan=True)
    return ~near


def _require_labels(aligned: Sequence[pl.DataFrame], names: Sequence[str]) -> None:
    labels = [table["label"].to_numpy() for table in aligned]
    for other, name in zip(labels[1:], names[1:], strict=True):
        differ = np.flatnonzero(labels[0] != other)
        if len(differ):
            row = aligned[0].row(int(differ[0]), named=True)
            one, two = (CLASS_NAMES[found[differ[0]]] for found in (labels[0], other))
            raise InputError(
                "The runs must agree on what each row is",
                f"{len(differ):,} of {len(other):,} rows differ between {names[0]} and {name}, the first in gene "
                f"{row[GENE]} ({one}, {two})",
                "Compare runs of tables that were labelled by the same annotation",
            )


def _weight(
    aligned: Sequence[pl.DataFrame], tables: Sequence[pl.DataFrame]
) -> tuple[NDArray[np.float32] | None, str | None]:
    """What the rows stand for, where it is known, the same in all runs, and of whole genes."""
    weights = [table["weight"].to_numpy() for table in aligned]
    if not any(np.ptp(weight) > 0 for weight in weights):
        return None, None
    differ = sum(int(np.count_nonzero(weight != weights[0])) for weight in weights[1:])
    if differ:
        return None, f"No genomic figures: {differ:,} weights of rows differ between the runs."
    if cut := sum(_cut_genes(one, whole) for one, whole in zip(aligned, tables, strict=True)):
        return None, f"No genomic figures: of {cut:,} genes the runs share some rows only, and weights are of all."
    return weights[0], None


def _cut_genes(shared: pl.DataFrame, whole: pl.DataFrame) -> int:
    """How many genes have other rows in a table besides those shared."""
    counts = shared.group_by(GENE).len().join(whole.group_by(GENE).len(), on=GENE)
    return int((counts["len"] != counts["len_right"]).sum())


def _families(aligned: Sequence[pl.DataFrame]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Codes of the families; families of which two runs differ are joined."""
    codes = [table["family"].cast(pl.String).rank("dense").to_numpy().astype(np.int64) - 1 for table in aligned]
    found = codes[0]
    for other in codes[1:]:
        ones = np.ones(len(found), np.int8)
        pairs = sparse.coo_matrix((ones, (found, other))).tocsr()
        whole = sparse.bmat([[None, pairs], [pairs.T, None]]).tocsr()
        found = sparse.csgraph.connected_components(whole, directed=False)[1][found].astype(np.int64)
    found = np.unique(found, return_inverse=True)[1].astype(np.int64)
    most = max(len(np.unique(code)) for code in codes)
    joined = len(np.unique(found)) < most
    note = f"The runs know other families; joined they are {len(np.unique(found)):,}, and these are drawn."
    return found, (note,) if joined else ()


def same_folds(one: NDArray[np.int64], other: NDArray[np.int64]) -> bool:
    """Whether two runs held out the same rows together, whatever the numbers of the folds."""
    pairs: int = np.unique(np.stack([one, other]), axis=1).shape[1]
    return pairs == len(np.unique(one)) == len(np.unique(other))


def _fold_notes(folds: Sequence[NDArray[np.int64]], names: Sequence[str]) -> tuple[str, ...]:
    """That runs have other folds than the first one, and what this means for their figures."""
    others = [name for name, fold in zip(names[1:], folds[1:], strict=True) if not same_folds(folds[0], fold)]
    if not others:
        return ()
    said = f"{', '.join(others)} held out other genes together than {names[0]}"
    return (f"{said}: a row was scored after training on other genes, which may be what differs.",)


def _row_notes(
    tables: Sequence[pl.DataFrame], aligned: Sequence[pl.DataFrame], names: Sequence[str]
) -> tuple[str, ...]:
    shared = aligned[0].height
    if all(table.height == shared for table in tables):
        return (f"All {shared:,} rows are the same in every run.",)
    counts = ", ".join(f"{name} {table.height:,}" for name, table in zip(names, tables, strict=True))
    genes = aligned[0][GENE].n_unique()
    return (f"Compared on the {shared:,} rows of {genes:,} genes that all runs scored (rows: {counts}).",)
