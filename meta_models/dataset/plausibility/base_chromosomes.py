"""Chromosomes that the base model was trained on: which rows are of them, which are not, and of which nobody knows."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from meta_models.dataset.info import DatasetInfo
from meta_models.errors import InputError, MetaModelsError, UsageError
from meta_models.names import chromosome_key, is_unplaced
from meta_models.schema import CHROM

_SHOWN = 30


def require_chromosomes(frame: pl.DataFrame, asked: Sequence[str] | None, info: DatasetInfo, source: str) -> None:
    """See that the chromosomes that the base model is said to be trained on are those of the table.

    Those of ``--base-train-chroms`` must all have rows. Those of ``dataset_info.json`` may lack rows only where
    ``chroms_test`` says of every chromosome of the table that is not among them that it was kept from the base model: a
    table of test chromosomes alone is a good table.

    Parameters
    ----------
    frame : polars.DataFrame
        All rows of the table `source`.
    asked : sequence of str, optional
        From ``--base-train-chroms``.

    Raises
    ------
    UsageError, InputError
        Listing the names that match no row, and the chromosomes of the table.
    """
    if asked is not None:
        wrong, where = _without_rows(frame, asked), "--base-train-chroms"
        error: type[MetaModelsError] = UsageError
    else:
        named, kept = info.base_train_chroms or (), info.base_test_chroms or ()
        explained = not set(_unnamed(frame, (*named, *kept)))
        wrong = [] if kept and explained and CHROM in frame.columns else _without_rows(frame, named)
        where, error = "chroms_train in dataset_info.json", InputError
    if wrong:
        raise error(
            f"{where} must name chromosomes of {source!r}",
            f"Found no row of {_list(wrong)}; the table has {_list(_chromosomes(frame)) or 'no column chrom'}",
            "Name them as the table does (chr1 and 1 are the same; separate names by blanks), leave out those that it "
            "lacks"
            + ("" if asked is not None else ", or list those that the base model was not trained on as chroms_test"),
        )


def rows_of(frame: pl.DataFrame, names: Sequence[str]) -> tuple[pl.Expr, pl.Expr]:
    """Which rows of `frame` are of the chromosomes `names`, and of which that is not known, as boolean expressions.

    It is not known of rows without a chromosome, and of those of accessions and loose contigs that are not named.
    """
    keys = set(map(chromosome_key, names))
    present = _chromosomes(frame)
    named = [name for name in present if chromosome_key(name) in keys]
    loose = [name for name in present if is_unplaced(name) and name not in named]
    chrom = pl.col(CHROM).cast(pl.String)
    return chrom.is_in(named).fill_null(value=False), chrom.is_in(loose).fill_null(value=True)


def _chromosomes(frame: pl.DataFrame) -> list[str]:
    """Names of chromosomes in the table, sorted."""
    return frame[CHROM].cast(pl.String).unique().drop_nulls().sort().to_list() if CHROM in frame.columns else []


def _without_rows(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    present = set(map(chromosome_key, _chromosomes(frame)))
    return [name for name in names if chromosome_key(name) not in present]


def _unnamed(frame: pl.DataFrame, names: Sequence[str]) -> list[str]:
    keys = set(map(chromosome_key, names))
    return [name for name in _chromosomes(frame) if chromosome_key(name) not in keys and not is_unplaced(name)]


def _list(names: Sequence[str]) -> str:
    rest = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")
