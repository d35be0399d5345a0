"""The scored rows as one file: Parquet or TSV, by the end of its name."""

from __future__ import annotations

import contextlib
import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import polars as pl
import pyarrow as pa

from meta_models.run_folder import write_parquet

_GZIP_LEVEL = 6


def write_rows(path: Path, frames: Iterator[pl.DataFrame]) -> None:
    """Write `frames`, at least one and all of one schema, one after another; equal rows give equal bytes.

    Parquet has a checksum on every page and is read back. TSV has a header, empty fields for null, floats as short as
    they can be read back; gzip has neither name nor date in it.

    Raises
    ------
    WriteError
        If what was read back is not what was written.
    OSError
        If the file system refuses.
    """
    if path.name.lower().endswith((".tsv", ".tsv.gz")):
        with _text_file(path) as file:
            for number, frame in enumerate(frames):
                frame.write_csv(file, separator="\t", include_header=number == 0)
        return
    first = next(frames)
    schema = _arrow(first.clear()).schema
    write_parquet(path, pa.RecordBatchReader.from_batches(schema, _batches(first, frames)))


def _batches(first: pl.DataFrame, others: Iterator[pl.DataFrame]) -> Iterator[pa.RecordBatch]:
    yield from _arrow(first).to_batches()
    for frame in others:
        yield from _arrow(frame).to_batches()


def _arrow(frame: pl.DataFrame) -> pa.Table:
    return frame.to_arrow(compat_level=pl.CompatLevel.oldest())


@contextlib.contextmanager
def _text_file(path: Path) -> Iterator[IO[bytes]]:
    with path.open("wb") as file:
        if not path.name.lower().endswith(".gz"):
            yield file
            return
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=_GZIP_LEVEL, mtime=0) as packed:
            yield cast("IO[bytes]", packed)
