"""Rows of a table that has a column ``sequence``, as learners of genes are given them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.windows import window_codes
from meta_models.learners.seam.windows import WindowRows
from meta_models.schema import SEQUENCE


@dataclass(frozen=True)
class WindowsOfTable:
    """The rows of a table on disk, whose windows were looked at before, some at a time."""

    dataset: Dataset

    def iter_windows(self, columns: Sequence[str], window: int) -> Iterator[WindowRows]:
        """All rows, in order."""
        wanted = [pl.col(name) for name in (*columns, SEQUENCE)]
        for frame in self.dataset.iter_frames(wanted, rows_of_chunk(len(columns) + window)):
            yield window_rows(frame, columns, window)


def window_rows(frame: pl.DataFrame, columns: Sequence[str], window: int) -> WindowRows:
    """The rows of a frame, whose windows are sound and not shorter than `window`."""
    matrix = frame.select(pl.col(name).cast(pl.Float32) for name in columns).to_numpy(order="c")
    return WindowRows(window_codes(frame[SEQUENCE].cast(pl.String), window), matrix)
