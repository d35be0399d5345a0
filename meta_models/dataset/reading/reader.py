"""The table: one reader, consumed whole (few columns), in chunks, or by row numbers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.info import DatasetInfo
from meta_models.dataset.reading.chunks import BASES_BYTES, SCAN_BYTES, rows_of_chunk
from meta_models.dataset.reading.files import (
    Kind,
    TableFile,
    TableSchema,
    as_text,
    kind_of,
    reading,
)
from meta_models.dataset.reading.read_ahead import ahead
from meta_models.dataset.reading.runs import Run, together
from meta_models.errors import InputError
from meta_models.places import Stretch, TablePath, place
from meta_models.schema import (
    METADATA,
    SEQUENCE,
    TEXT,
    BaseModel,
    FeatureGroup,
    base_models,
    feature_group,
    is_row_index,
)

logger = logging.getLogger(__name__)
#: Rows of text read at a time.
TEXT_ROWS = 50_000
_ALL_ROWS = slice(None)


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

    @property
    def paths(self) -> tuple[TablePath, ...]:
        """The files that are read."""
        return tuple(file.path for file in self.files)

    @property
    def origins(self) -> tuple[TablePath, ...]:
        """The files that the user gave."""
        return tuple(file.origin for file in self.files)

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
        """Numeric columns that are no metadata and no stored row index, in the order of the table."""
        numbers = (c for c in self.columns if c not in METADATA and self.kind(c) is Kind.NUMERIC)
        return tuple(c for c in numbers if not self._is_index(c))

    @cached_property
    def left_out(self) -> dict[str, str]:
        """Columns that are neither metadata nor features, and why."""
        reasons = {
            Kind.STRING: "text, not a number",
            Kind.NULL: "no value in any row",
            Kind.OTHER: "a type that is not a number",
        }
        other = [c for c in self.columns if c not in METADATA and c not in self.features]
        index = {c: "a stored row index: it numbers the rows" for c in other if self._is_index(c)}
        return {c: index.get(c) or f"{reasons[self.kind(c)]} ({self.dtype(c)})" for c in other}

    def _is_index(self, column: str) -> bool:
        """Whether `column` is a row index: by its name, or by what pandas says in the footer of a file."""
        if any(column in base.columns for base in self.bases):
            return False
        disk = self.renamed.get(column, column)
        return is_row_index(column) or any(disk in file.index for file in self.files)

    def kind(self, column: str) -> Kind:
        """What `column` holds."""
        return self.schema.kinds[self.renamed.get(column, column)]

    def dtype(self, column: str) -> str:
        """Arrow type of `column` on disk."""
        return self.schema.dtypes[self.renamed.get(column, column)]

    def group(self, feature: str) -> FeatureGroup:
        """Group of a feature."""
        measured = feature in self.info.evidence_features
        return FeatureGroup.EVIDENCE if measured else feature_group(feature, self.bases)

    def with_rows(self, mask: NDArray[np.bool_]) -> Dataset:
        """The same table restricted to the rows where `mask` (n_rows,) is True."""
        full = np.zeros(self.rows_on_disk, bool)
        if self.row_mask is None:
            full[:] = mask
        else:
            full[np.flatnonzero(self.row_mask)[mask]] = True
        return replace(self, row_mask=full)

    def iter_frames(
        self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = _ALL_ROWS
    ) -> Iterator[pl.DataFrame]:
        """Frames of at most `chunk_rows` rows, in row order. `expressions` use the names of the contract.

        Row groups without a row in use are not read.

        Parameters
        ----------
        rows : slice
            Row numbers on disk, without step, to which the frames are confined; all by default.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        scan_rows = self._scan_rows(expressions)
        for group in together(self._runs_in(rows, scan_rows), scan_rows):
            yield from self._group_frames(group, expressions, chunk_rows)

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """C-ordered float32 chunks (rows, len(columns)) in row order; null and NaN are NaN.

        The next chunk is read while the caller works on the last one.

        Raises
        ------
        InputError
            If a file cannot be read.
        """
        chunk_rows = chunk_rows or rows_of_chunk(len(columns))
        frames = self.iter_frames([pl.col(c) for c in columns], chunk_rows)
        yield from ahead(
            frame.select(pl.col(c).cast(pl.Float32) for c in columns).to_numpy(order="c") for frame in frames
        )

    def read_rows(self, rows: NDArray[np.int64], columns: Sequence[str]) -> NDArray[np.float32]:
        """Rows in use with the (sorted, unique) numbers `rows`: float32 (len(rows), len(columns))."""
        mask = np.zeros(self.n_rows, bool)
        mask[rows] = True
        values = np.empty((len(rows), len(columns)), np.float32)
        first = 0
        for chunk in self.with_rows(mask).iter_matrix(columns):
            values[first : first + len(chunk)] = chunk
            first += len(chunk)
        return values

    def read_text_rows(self, rows: NDArray[np.int64], column: str) -> pl.Series:
        """The text in `column` of the rows in use with the (sorted, unique) numbers `rows`, (len(rows),)."""
        mask = np.zeros(self.n_rows, bool)
        mask[rows] = True
        text = pl.col(column).cast(pl.String)
        return pl.concat(self.with_rows(mask).iter_frames([text], TEXT_ROWS))[column]

    def read_text(self, column: str, expressions: Sequence[pl.Expr]) -> pl.DataFrame | None:
        """`expressions` over the text column `column`, for all rows in use; None where there is no such column."""
        if column not in self.columns or self.kind(column) is not Kind.STRING:
            return None
        return pl.concat(self.iter_frames(expressions, TEXT_ROWS))

    def _on_disk(self, expressions: Sequence[pl.Expr], file: TableFile) -> list[str]:
        """Columns of `file` that `expressions` need, as it calls them; some column where they need none."""
        wanted = {name for expression in expressions for name in expression.meta.root_names()}
        names = {self.renamed.get(name, name) for name in wanted}
        own = [name for name in file.types if name not in file.partitions]
        return [name for name in own if name in names] or own[:1]

    def _scan_rows(self, expressions: Sequence[pl.Expr]) -> int:
        """Most rows that one scan of `expressions` covers."""
        columns = {name for expression in expressions for name in expression.meta.root_names()}
        wide = {SEQUENCE: BASES_BYTES}
        widths = [wide.get(column) or _width(self.dtype(column)) for column in columns]
        return max(1024, SCAN_BYTES // max(1, sum(widths)))

    def _runs_in(self, rows: slice, most: int) -> Iterator[Run]:
        """Runs of rows in use within `rows`, in order; files that this run wrote are verified first."""
        first = 0
        wanted_start, wanted_stop, _ = rows.indices(self.rows_on_disk)
        for file in self.files:
            file.verify()
            for run_start, run_rows in self._runs(file, first, most):
                offset = max(run_start, wanted_start - first)
                length = min(run_start + run_rows, wanted_stop - first) - offset
                if length > 0:
                    yield Run(file, offset, length, first + offset)
            first += file.rows

    def _runs(self, file: TableFile, first: int, most: int) -> Iterator[tuple[int, int]]:
        """(offset, rows) of runs of at most `most` rows that hold a row in use, cut between row groups if possible."""
        start = length = 0
        for offset, rows in _pieces(file.row_groups, most):
            used = self.row_mask is None or self.row_mask[first + offset : first + offset + rows].any()
            if length and (not used or length + rows > most):
                yield start, length
                length = 0
            if used:
                start = start if length else offset
                length += rows
        if length:
            yield start, length

    def _group_frames(
        self, group: Sequence[Run], expressions: Sequence[pl.Expr], chunk_rows: int
    ) -> Iterator[pl.DataFrame]:
        """The rows in use of runs that are read together; where that fails, each alone, to name the file."""
        try:
            yield from self._scanned(group, expressions, chunk_rows)
        except InputError:
            _require_unchanged(group)
            for run in group if len(group) > 1 else ():
                for _ in self._scanned([run], expressions, chunk_rows):
                    pass
            raise
        _require_unchanged(group)

    def _scanned(self, group: Sequence[Run], expressions: Sequence[pl.Expr], chunk_rows: int) -> Iterator[pl.DataFrame]:
        file, length = group[0].file, sum(run.rows for run in group)
        mask, done = self._mask(group), 0
        stretches = [Stretch(run.file.path, run.offset, run.rows) for run in group]
        columns = self._on_disk(expressions, file)

        def plan(rows: pl.LazyFrame) -> pl.LazyFrame:
            """Named columns, and the expressions over them."""
            return self._named(rows, file).select(expressions)

        with reading(file.origin):
            for frame in place(file.path).frames(stretches, columns, plan, chunk_rows):
                height = frame.height
                kept = frame if mask is None else frame.filter(pl.Series(mask[done : done + height]))
                done += height
                if kept.height:
                    yield kept
        if done != length:
            wanted = f"{str(file.origin)!r} must hold {length} rows from row {group[0].offset}"
            raise InputError(wanted, f"Found {done}", "Write it anew")

    def _mask(self, group: Sequence[Run]) -> NDArray[np.bool_] | None:
        if self.row_mask is None:
            return None
        return np.concatenate([self.row_mask[run.first : run.first + run.rows] for run in group])

    def _named(self, scan: pl.LazyFrame, file: TableFile) -> pl.LazyFrame:
        """`scan` under the names of the contract, text as text, with the k-mer columns that the file lacks."""
        numbers = {c: dtype for c, dtype in file.types.items() if c in TEXT and kind_of(dtype) is Kind.NUMERIC}
        absent = [c for c in self.schema.kinds if c not in file.types]
        scan = scan.rename({disk: name for name, disk in self.renamed.items()})
        return scan.with_columns(
            *(as_text(c, dtype).alias(c) for c, dtype in numbers.items()),
            *(pl.lit(0, pl.Float32).alias(c) for c in absent),
            *(pl.lit(value, pl.String).alias(c) for c, value in file.partitions.items()),
        )


def _require_unchanged(group: Sequence[Run]) -> None:
    """What was read, of files that others may write, is of one version of each."""
    for run in group:
        run.file.require_unchanged()


def _pieces(row_groups: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """(offset, rows) of row groups, those of more than `most` rows in pieces."""
    offset = 0
    for rows in row_groups:
        for start in range(0, rows, most):
            yield offset + start, min(most, rows - start)
        offset += rows


def _width(dtype: str) -> int:
    """Bytes of a value of an Arrow type; 16 for text and what is rare."""
    widths = {"bool": 1, "int8": 1, "uint8": 1, "int16": 2, "uint16": 2, "halffloat": 2, "int32": 4, "uint32": 4,
              "float": 4, "int64": 8, "uint64": 8, "double": 8}  # fmt: skip
    return max(widths.get(part, 16) for part in dtype.split("|"))
