"""A table with further columns that are held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset

_ALL_ROWS = slice(None)


@dataclass(frozen=True)
class Widened(Dataset):
    """A table whose schema names columns that its files lack; made by :func:`widened`.

    Attributes
    ----------
    added : dict of str to ndarray of float32 (rows in use,)
        The values of these columns.
    """

    added: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    def with_rows(self, mask: NDArray[np.bool_]) -> Dataset:
        """The same table restricted to the rows where `mask` (n_rows,) is True."""
        added = {name: values[mask] for name, values in self.added.items()}
        return replace(super().with_rows(mask), added=added)  # type: ignore[call-arg]

    def iter_frames(
        self, expressions: Sequence[pl.Expr], chunk_rows: int, *, rows: slice = _ALL_ROWS
    ) -> Iterator[pl.DataFrame]:
        """As of any table; `rows` may not be confined."""
        if rows != _ALL_ROWS:
            raise AssertionError("a table with added columns is read as a whole")
        roots = list(dict.fromkeys(name for expression in expressions for name in expression.meta.root_names()))
        known = [name for name in roots if name in self.added]
        roots += [name for name in self.columns if name not in self.added][:1]  # rows are counted by what is on disk
        first = 0
        for frame in super().iter_frames([pl.col(name) for name in roots], chunk_rows):
            here = slice(first, first + frame.height)
            yield frame.with_columns(pl.Series(name, self.added[name][here]) for name in known).select(expressions)
            first = here.stop


def widened(dataset: Dataset, added: Mapping[str, NDArray[np.float32]]) -> Dataset:
    """`dataset` with the columns `added`, float32 (rows in use,) each, behind its own."""
    if not added:
        return dataset
    schema = replace(
        dataset.schema,
        kinds={**dataset.schema.kinds, **dict.fromkeys(added, Kind.NUMERIC)},
        dtypes={**dataset.schema.dtypes, **dict.fromkeys(added, "float")},
    )
    return Widened(dataset.source, dataset.files, schema, dataset.info, dataset.renamed, dataset.row_mask, dict(added))
