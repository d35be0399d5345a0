"""Features held in memory, as a table that learners read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.reader import rows_of_chunk


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
