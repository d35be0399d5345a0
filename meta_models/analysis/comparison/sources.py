"""Where values of rows are read from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray


class RowSource(Protocol):
    """Reads feature values of some rows of the training table."""

    def read_rows(self, rows: NDArray[np.int64], columns: tuple[str, ...]) -> NDArray[np.float32]:
        """Values (n_rows, n_columns), float32, missing as NaN; `rows` number the rows of the out-of-fold table."""

    def read_text_rows(self, rows: NDArray[np.int64], column: str) -> pl.Series:
        """Text (n_rows,) of a column; `rows` increase."""

    def read_text(self, column: str, expressions: Sequence[pl.Expr]) -> pl.DataFrame | None:
        """`expressions` over a text column, for all rows; None where the table has no such column."""
