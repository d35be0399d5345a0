"""Contents of artifacts: canonical JSON, and Parquet whose pages carry checksums."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from meta_models.errors import WriteError
from meta_models.run_folder.native_files import open_native, open_parquet

#: Rows of a row group: bounds the memory of writing and of verifying.
ROW_GROUP_ROWS = 2**18

Table: TypeAlias = "pl.DataFrame | pa.Table | pa.RecordBatchReader"


def json_bytes(value: object, *, indent: int | None = 2) -> bytes:
    """JSON with sorted keys, in UTF-8, the same bytes for equal values; numpy scalars and arrays are converted.

    File names that are no UTF-8 stand in it as escapes, which a reader of JSON turns back.

    Raises
    ------
    ValueError
        If there is a NaN or an infinity in it: a number that cannot be computed is null, with a reason beside it.
    """
    text = json.dumps(value, sort_keys=True, indent=indent, allow_nan=False, ensure_ascii=False, default=_plain)
    return (text + "\n" if indent else text).encode(errors="backslashreplace")


def write_parquet(path: Path, table: Table, *, row_group_rows: int = ROW_GROUP_ROWS) -> None:
    """Write `table` with a checksum on every page, and read it back.

    The same values give the same bytes, however `table` is chunked. Memory: about one row group.

    Parameters
    ----------
    path : Path
        File to write; make it atomic with :func:`atomic_path`.
    table : polars.DataFrame, pyarrow.Table or pyarrow.RecordBatchReader
        The rows. Categorical columns of polars are written as text: the order of their codes is no fact of the data.

    Raises
    ------
    WriteError
        If what was read back is not what was written.
    OSError
        If the file system refuses.
    """
    with open_native(path, "wb") as sink:
        rows = _write(sink, table, row_group_rows)
    verify_parquet(path, rows, batch_rows=row_group_rows)


def parquet_bytes(table: Table) -> bytes:
    """What :func:`write_parquet` writes, as bytes, for files that are stored with their hash."""
    sink = pa.BufferOutputStream()
    _write(sink, table, ROW_GROUP_ROWS)
    data: bytes = sink.getvalue().to_pybytes()
    return data


def verify_parquet(path: Path, rows: int | None = None, *, batch_rows: int = ROW_GROUP_ROWS) -> None:
    """Read all of a Parquet file and compare its page checksums, and its number of rows with `rows` where given.

    At most `batch_rows` rows are in memory at a time.

    Raises
    ------
    WriteError
        If it is damaged.
    """
    try:
        with open_parquet(path, page_checksum_verification=True) as file:
            # One row group after another: what is read ahead of them is kept until all that was asked for has come.
            groups = range(file.num_row_groups)
            found = sum(batch.num_rows for group in groups for batch in file.iter_batches(batch_rows, [group]))
    except (OSError, pa.ArrowException) as error:
        raise WriteError(f"The file {path} must read back as it was written", str(error), "Check the disk") from error
    if rows is not None and found != rows:
        raise WriteError(f"The file {path} must hold {rows:,} rows", f"Found {found:,}", "Check the disk")


def digest(value: object) -> str:
    """SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(json_bytes(value, indent=None)).hexdigest()


def _write(sink: pa.NativeFile, table: Table, row_group_rows: int) -> int:
    """Number of rows written."""
    rows = 0
    schema = as_arrow(table.clear()).schema if isinstance(table, pl.DataFrame) else table.schema
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for group in _row_groups(table, row_group_rows):
            writer.write_table(group, row_group_size=row_group_rows)
            rows += group.num_rows
    return rows


def _row_groups(table: Table, size: int) -> Iterator[pa.Table]:
    """Slices of equal length, each in one chunk a column, so that pages are cut at the same rows every time."""
    if isinstance(table, pl.DataFrame):
        for start in range(0, table.height, size):
            yield as_arrow(table.slice(start, size)).combine_chunks()
        return
    if isinstance(table, pa.Table):
        for start in range(0, table.num_rows, size):
            yield table.slice(start, size).combine_chunks()
        return
    held, rows = [], 0
    for batch in table:
        held.append(batch)
        rows += batch.num_rows
        while rows >= size:
            whole = pa.Table.from_batches(held, table.schema)
            yield whole.slice(0, size).combine_chunks()
            held = whole.slice(size).to_batches()
            rows -= size
    if rows:
        yield pa.Table.from_batches(held, table.schema).combine_chunks()


def as_arrow(frame: pl.DataFrame) -> pa.Table:
    """`frame` in the types that every reader of Parquet knows; categorical columns as text."""
    return frame.with_columns(pl.col(pl.Categorical).cast(pl.String)).to_arrow(compat_level=pl.CompatLevel.oldest())


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no place in JSON: {value!r}")
