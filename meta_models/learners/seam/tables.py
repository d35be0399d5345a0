"""The tables that learners read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.reading.chunks import rows_of_chunk


class FeatureTable(Protocol):
    """Where features come from: a `Dataset` on disk, or an array."""

    @property
    def source(self) -> str:
        """What the table is called in messages."""

    @property
    def n_rows(self) -> int:
        """Number of rows."""

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """C-ordered float32 chunks (rows, len(columns)) in row order, NaN where a value is missing.

        Of at most `chunk_rows` rows, or as many as `rows_of_chunk` says.
        """


@dataclass(frozen=True)
class ArrayTable:
    """Features held in memory.

    Attributes
    ----------
    values : ndarray of float32 (n_rows, n_features)
        Columns in the order in which they are asked for.
    """

    values: NDArray[np.float32]
    source: str = "X"

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return len(self.values)

    def iter_matrix(self, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        """C-ordered chunks of all columns; `columns` says how many there are."""
        step = chunk_rows or rows_of_chunk(len(columns))
        for start in range(0, self.n_rows, step):
            yield np.ascontiguousarray(self.values[start : start + step])
