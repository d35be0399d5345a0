"""Which rows each shard holds."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError

#: Share of a shard's rows by which its end may be moved to that of a row group, which then one process alone reads.
_SHIFT = 0.1


def shard_ranges(dataset: Dataset, shards: int) -> tuple[slice, ...]:
    """Ranges of rows in use, in their order, of about the same length; they end with row groups where those are small.

    Raises
    ------
    UsageError
        If there are fewer rows than shards.
    """
    n_rows = dataset.n_rows
    if n_rows < shards:
        raise UsageError(
            f"Each of {shards} workers must hold rows", f"The table has {n_rows}", "Take fewer workers, or one process"
        )
    ends = _group_ends(dataset)
    cuts = [0, *(_cut(n_rows * k / shards, n_rows / shards, ends) for k in range(1, shards)), n_rows]
    return tuple(slice(start, stop) for start, stop in pairwise(cuts))


def shard_table(dataset: Dataset, rows: slice) -> Dataset:
    """The `rows` in use of the table, as a table of the files alone that hold them."""
    mask = np.ones(dataset.rows_on_disk, bool) if dataset.row_mask is None else dataset.row_mask
    on_disk = np.flatnonzero(mask)[rows]
    ends = np.cumsum([file.rows for file in dataset.files])
    first, last = np.searchsorted(ends, on_disk[[0, -1]], side="right")
    start = int(ends[first - 1]) if first else 0
    own = np.zeros(int(ends[last]) - start, bool)
    own[on_disk - start] = True
    return replace(dataset, files=dataset.files[first : last + 1], row_mask=own)


def _group_ends(dataset: Dataset) -> NDArray[np.int64]:
    """How many rows in use there are up to the end of each row group."""
    on_disk = np.cumsum([rows for file in dataset.files for rows in file.row_groups])
    if dataset.row_mask is None:
        return np.asarray(on_disk, np.int64)
    used = np.concatenate([[0], np.cumsum(dataset.row_mask, dtype=np.int64)])
    return np.asarray(used[on_disk], np.int64)


def _cut(wanted: float, length: float, ends: NDArray[np.int64]) -> int:
    """Where a shard ends that should end at row `wanted`."""
    nearest = int(ends[np.abs(ends - wanted).argmin()])
    return nearest if abs(nearest - wanted) <= _SHIFT * length else round(wanted)
