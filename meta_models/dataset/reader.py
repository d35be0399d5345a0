"""The table: one reader, consumed whole (few columns), in chunks, or by row numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.convert import convert_text
from meta_models.dataset.files import TEXT_SUFFIXES, Kind, TableFile, TableSchema, discover, read_footer, reading, unify
from meta_models.dataset.info import DatasetInfo, read_info
from meta_models.errors import InputError
from meta_models.schema import METADATA, REQUIRED_COLUMNS, BaseModel, FeatureGroup, base_models, feature_group

logger = logging.getLogger(__name__)
CHUNK_BYTES = 32_000_000


@dataclass(frozen=True)
class Dataset:
    """A table on disk, possibly restricted to some of its rows.

    Attributes
    ----------
    files : tuple of TableFile
        In the order in which their rows are numbered.
    renamed : dict of str to str
        Name in the contract -> name on disk, where they differ.
    row_mask : ndarray of bool (rows on disk,), or None
        Rows in use; None for all.
    """

    source: str
    files: tuple[TableFile, ...]
    schema: TableSchema
    info: DatasetInfo
    renamed: dict[str, str]
    row_mask: NDArray[np.bool_] | None = None

    @property
    def rows_on_disk(self) -> int:
        """Rows of all files."""
        return sum(file.rows for file in self.files)

    @cached_property
    def n_rows(self) -> int:
        """Rows in use."""
        return self.rows_on_disk if self.row_mask is None else int(self.row_mask.sum())

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Column names of the contract."""
        on_disk = {disk: name for name, disk in self.renamed.items()}
        return tuple(on_disk.get(column, column) for column in self.schema.kinds)

    @cached_property
    def bases(self) -> tuple[BaseModel, ...]:
        """Base models whose scores stand in the table, the main one first."""
        return base_models(c for c in self.columns if self.kind(c) is Kind.NUMERIC)

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Numeric columns that are no metadata, in the order of the table."""
        return tuple(c for c in self.columns if c not in METADATA and self.kind(c) is Kind.NUMERIC)

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Columns that are neither metadata nor features, and why."""
        reasons = {
            Kind.STRING: "text, not a number",
            Kind.NULL: "no value in any row",
            Kind.OTHER: "a type that is not a number",
        }
        other = (c for c in self.columns if c not in METADATA and self.kind(c) is not Kind.NUMERIC)
        return {c: f"{reasons[self.kind(c)]} ({self.dtype(c)})" for c in other}

    def kind(self, column: str) -> Kind:
        """What `column` holds."""
        return self.schema.kinds[self.renamed.get(column, column)]

    def dtype(self, column: str) -> str:
        """Arrow type of `column` on disk."""
        return self.schema.dtypes[self.renamed.get(column, column)]

    def group(self, feature: str) -> FeatureGroup:
        """Group of a feature."""
        return feature_group(feature, self.bases)

    def with_rows(self, mask: NDArray[np.bool_]) -> Dataset:
        """The same table restricted to the rows where `mask` (n_rows,) is True."""
        full = np.zeros(self.rows_on_disk, bool)
        if self.row_mask is None:
            full[:] = mask
        else:
            full[np.flatnonzero(self.row_mask)[mask]] = True
        return replace(self, row_mask=full)

    def iter_frames(self, expressions: Sequence[pl.Expr], chunk_rows: int) -> Iterator[pl.DataFrame]:
        """Frames of at most `chunk_rows` rows, in row order. `expressions` use the names of the contract.

        Row groups without a row in use are not read.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        first = 0
        for file in self.files:
            for offset, length in self._runs(file, first):
                mask = None if self.row_mask is None else self.row_mask[first + offset : first + offset + length]
                yield from self._run_frames(file, offset, length, mask, expressions, chunk_rows)
            first += file.rows

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """C-ordered float32 chunks (rows, len(columns)) in row order; null and NaN are NaN.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        chunk_rows = chunk_rows or max(1024, CHUNK_BYTES // (4 * max(len(columns), 1)))
        expressions = [pl.col(c).cast(pl.Float32) for c in columns]
        for frame in self.iter_frames(expressions, chunk_rows):
            yield frame.to_numpy(order="c")

    def read_rows(self, rows: NDArray[np.int64], columns: Sequence[str]) -> NDArray[np.float32]:
        """Rows in use with the (sorted, unique) numbers `rows`: float32 (len(rows), len(columns))."""
        mask = np.zeros(self.n_rows, bool)
        mask[rows] = True
        chunks = list(self.with_rows(mask).iter_matrix(columns))
        return np.concatenate(chunks) if chunks else np.empty((0, len(columns)), np.float32)

    def _runs(self, file: TableFile, first: int) -> Iterator[tuple[int, int]]:
        """(offset, rows) of each run of row groups that hold a row in use."""
        offset = start = 0
        open_run = False
        for rows in file.row_groups:
            used = rows > 0 and (self.row_mask is None or self.row_mask[first + offset : first + offset + rows].any())
            if open_run and not used:
                yield start, offset - start
            elif used and not open_run:
                start = offset
            open_run = bool(used)
            offset += rows
        if open_run:
            yield start, offset - start

    def _run_frames(
        self,
        file: TableFile,
        offset: int,
        length: int,
        mask: NDArray[np.bool_] | None,
        expressions: Sequence[pl.Expr],
        chunk_rows: int,
    ) -> Iterator[pl.DataFrame]:
        done = 0
        with reading(file.path):
            scan = pl.scan_parquet(file.path, glob=False, hive_partitioning=False).slice(offset, length)
            scan = self._named(scan, file).select(expressions)
            for frame in scan.collect_batches(chunk_size=chunk_rows, maintain_order=True):
                height = frame.height
                kept = frame if mask is None else frame.filter(pl.Series(mask[done : done + height]))
                done += height
                if kept.height:
                    yield kept
        if done != length:
            raise InputError(
                f"{str(file.path)!r} must hold {length} rows from row {offset}", f"Found {done}", "Write it anew"
            )

    def _named(self, scan: pl.LazyFrame, file: TableFile) -> pl.LazyFrame:
        """`scan` under the names of the contract, with the k-mer columns that the file lacks."""
        absent = [c for c in self.schema.kinds if c not in file.types]
        scan = scan.rename({disk: name for name, disk in self.renamed.items()})
        return scan.with_columns(pl.lit(0, pl.Float32).alias(c) for c in absent) if absent else scan


def open_dataset(
    source: Path, *, work_dir: Path, base_score_columns: Sequence[str] | None = None, label: str = ""
) -> Dataset:
    """Open a table: find its files, compare their footers, read ``dataset_info.json``. No row is read.

    Parameters
    ----------
    source : Path
        Parquet, CSV or TSV file, or a folder of them.
    work_dir : Path
        Where text files are converted to Parquet.
    base_score_columns : sequence of three str, optional
        Donor, acceptor and neither score of the main base model, where they are named otherwise.
    label : str
        What the table is called in messages; `source` by default.

    Raises
    ------
    InputError
        If the files are not a table as the contract says.
    """
    paths = discover(source)
    if str(paths[0]).lower().endswith(TEXT_SUFFIXES):
        paths = convert_text(paths, work_dir)
    files = tuple(read_footer(path) for path in paths)
    schema = unify(files)
    for note in schema.notes:
        logger.warning("%s", note)
    renamed = _renamed(schema, base_score_columns)
    dataset = Dataset(label or str(source), files, schema, read_info(source), renamed)
    _check(dataset)
    return dataset


def _renamed(schema: TableSchema, base_score_columns: Sequence[str] | None) -> dict[str, str]:
    if base_score_columns is None:
        return {}
    wanted = dict(zip(("donor_score", "acceptor_score", "neither_score"), base_score_columns, strict=True))
    renamed = {name: disk for name, disk in wanted.items() if name != disk}
    missing = [disk for disk in renamed.values() if disk not in schema.kinds]
    taken = [name for name in renamed if name in schema.kinds]
    if missing or taken:
        found = f"missing: {', '.join(missing)}" if missing else f"the table has {', '.join(taken)} as well"
        raise InputError("--base-score-columns must name columns of the table", found, "Name other columns")
    return renamed


def _check(dataset: Dataset) -> None:
    missing = [c for c in REQUIRED_COLUMNS if c not in dataset.columns]
    if missing:
        raise InputError(
            f"The table {dataset.source!r} needs the columns {', '.join(REQUIRED_COLUMNS)}",
            f"Missing: {', '.join(missing)} (it has {len(dataset.columns)} columns: "
            f"{', '.join(dataset.columns[:12])}{', ...' if len(dataset.columns) > 12 else ''})",
            "Add them, or name the scores with --base-score-columns",
        )
    if dataset.n_rows == 0:
        raise InputError(f"The table {dataset.source!r} must have rows", f"Found 0 in {len(dataset.files)} files")
    for column in REQUIRED_COLUMNS[2:]:
        if dataset.kind(column) is not Kind.NUMERIC:
            raise InputError(f"Column {column!r} must hold numbers", f"Found the type {dataset.dtype(column)}")
