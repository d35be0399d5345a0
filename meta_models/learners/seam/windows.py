"""What a learner of genes is given of a table of rows that has a window of the sequence around each row.

Each row stands for itself: its bases, the base models' scores and the row's own columns at the middle of the window,
and nothing of the rows beside it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam.predictor import Matrix
from meta_models.schema import MAIN_BASE, BaseModel


@dataclass(frozen=True)
class WindowRows:
    """Some rows of a table.

    Attributes
    ----------
    codes : ndarray of uint8 (n, window)
        Bases on the strand of each row, which is in the middle: A, C, G, T, N are 0 to 4.
    matrix : ndarray of float32 (n, n_columns)
        The columns that were asked for, NaN where a value is missing.
    """

    codes: NDArray[np.uint8]
    matrix: Matrix


class WindowTable(Protocol):
    """Where windows and columns come from."""

    def iter_windows(self, columns: Sequence[str], window: int) -> Iterator[WindowRows]:
        """All rows, in order, some at a time; the same whenever it is asked for."""


@dataclass(frozen=True)
class TrainingWindows:
    """Rows from which a learner makes its representation.

    Attributes
    ----------
    table : WindowTable
    n_rows : int
    window : int
        Bases around each row, itself included; odd.
    base_models : tuple of str
        Names of the base models whose scores are read; the order is that of the inputs.
    evidence : tuple of str
        The row's other columns: they are read as measured tracks of genes are.
    seed : int
        Seed of everything random.
    """

    table: WindowTable
    n_rows: int
    window: int
    base_models: tuple[str, ...]
    evidence: tuple[str, ...]
    seed: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table that are read."""
        return row_columns(self.base_models, self.evidence)


def row_columns(base_models: Sequence[str], evidence: Sequence[str]) -> tuple[str, ...]:
    """The columns of a table that hold these inputs: donor and acceptor score of each base model, then the others."""
    return (*(column for name in base_models for column in site_columns(name)), *evidence)


def site_columns(base_model: str) -> tuple[str, str]:
    """Columns of the donor and the acceptor score of the base model of this name."""
    base = MAIN_BASE if base_model == MAIN_BASE.name else BaseModel(base_model)
    _, donor, acceptor = base.columns
    return donor, acceptor
