"""The table that is scored: which of its columns are read, and as what."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import polars as pl

from meta_models.dataset.info import DatasetInfo
from meta_models.dataset.plausibility.coordinates import WHOLE, ignored_positions, require_whole
from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.open import open_dataset
from meta_models.model import FittedModel
from meta_models.model.inputs import require_numbers, resolve_columns
from meta_models.model.windows import require_windows, table_features
from meta_models.places import TablePath, describe_input
from meta_models.schema import (
    CHROM,
    FAMILY,
    GENE,
    GENOMIC_POSITION,
    LABEL,
    MAIN_BASE,
    POSITION,
    SEQUENCE,
    STRAND,
    WEIGHT,
)

#: Columns that are passed on, where the table has them.
PASSED_ON = (GENE, CHROM, STRAND, POSITION, GENOMIC_POSITION)
#: Names under which the label and the weight of a row travel with its scores.
HIDDEN_LABEL, HIDDEN_WEIGHT = "_label", "_weight"
_ALL_ROWS = slice(None)

logger = logging.getLogger(__name__)


class RowSource(Protocol):
    """Where rows come from: a table on disk, or positions of a genome."""

    @property
    def source(self) -> str:
        """What messages call it."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""

    @property
    def info(self) -> DatasetInfo:
        """What is known of it."""

    def kind(self, column: str) -> Kind:
        """What a column holds."""

    def iter_frames(
        self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = _ALL_ROWS
    ) -> Iterator[pl.DataFrame]:
        """Frames of `expressions` over (a slice of) the rows, in order."""


@dataclass(frozen=True)
class ServedTable:
    """A table to be scored; made by :func:`open_served`.

    Attributes
    ----------
    features : tuple of str
        Columns of the table that the model reads; k-mer columns that it lacks count 0.
    absent : tuple of str
        These k-mer columns.
    inputs : tuple
        All that the rows depend on, for JSON: digests.
    window : int
        Bases of the windows that the model reads, of a table that has them; 0 where it reads none.
    """

    dataset: RowSource
    features: tuple[str, ...]
    absent: tuple[str, ...]
    inputs: tuple[object, ...] = ()
    window: int = 0

    @property
    def n_rows(self) -> int:
        """Rows of the table."""
        return self.dataset.n_rows

    @cached_property
    def passed_on(self) -> tuple[str, ...]:
        """Columns of the table that stand in the output, too."""
        return tuple(c for c in PASSED_ON if self.has(c) and (c not in WHOLE or self.dataset.kind(c) is Kind.NUMERIC))

    def has(self, column: str) -> bool:
        """Whether the table has a column with at least one value."""
        return column in self.dataset.columns and self.dataset.kind(column) is not Kind.NULL

    @property
    def labelled(self) -> bool:
        """Whether the table says what each position is."""
        return self.has(LABEL)

    def expressions(self, *, labels: bool) -> list[pl.Expr]:
        """What is read: features, base scores, what is passed on, family; with `labels` the label and the weight."""
        found = [pl.col(name) for name in dict.fromkeys((*self.features, *MAIN_BASE.columns))]
        found += [pl.col(c).cast(pl.Int64 if c in WHOLE else pl.String) for c in self.passed_on]
        found += [pl.col(FAMILY).cast(pl.String)] if self.has(FAMILY) else []
        found += [pl.col(SEQUENCE).cast(pl.String)] if self.window else []
        if labels:
            found.append(pl.col(LABEL).cast(pl.String).alias(HIDDEN_LABEL))
            weight = pl.col(WEIGHT) if self.has(WEIGHT) else pl.lit(1.0)
            found.append(weight.cast(pl.Float32).alias(HIDDEN_WEIGHT))
        return found


def open_served(
    source: TablePath, model: FittedModel, *, work_dir: Path, base_score_columns: Sequence[str] | None = None
) -> ServedTable:
    """Open a table for a model. Only the main base model's scores and the features must be there, or windows.

    Positions that are no numbers are not used, as in training, and a warning says so.

    Raises
    ------
    InputError
        If a file is not readable, columns are missing (with a diff), features are no numbers, positions not whole, or
        windows none.
    """
    dataset = open_dataset(source, work_dir=work_dir, base_score_columns=base_score_columns, required=MAIN_BASE.columns)
    require_whole(dataset)
    for told in ignored_positions(dataset):
        logger.warning("%s", told)
    if model.window:
        require_windows(dataset, model.window)
    feature_names = table_features(model)
    features = resolve_columns(dataset.columns, feature_names)
    require_numbers({c: dataset.dtype(c) for c in features if dataset.kind(c) not in (Kind.NUMERIC, Kind.NULL)})
    absent = tuple(name for name in feature_names if name not in set(features))
    return ServedTable(
        dataset, features, absent, tuple(describe_input(f.origin).sha256 for f in dataset.files), model.window
    )
