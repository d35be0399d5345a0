"""Columns that are left out because they are text, although they hold numbers: a feature is missed without an error."""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset
from meta_models.schema import METADATA

#: Rows that are looked at: the first ones.
_ROWS = 65_536


def numbers_as_text(dataset: Dataset) -> tuple[str, ...]:
    """What to warn of: columns of text, beside the known ones, whose first values are mostly numbers."""
    columns = [c for c in dataset.columns if c not in METADATA and dataset.kind(c) is Kind.STRING]
    if not columns:
        return ()
    frame = next(dataset.iter_frames([pl.col(c).cast(pl.String) for c in columns], _ROWS), None)
    return () if frame is None else tuple(_told(frame))


def _told(frame: pl.DataFrame) -> Iterator[str]:
    for column in frame.iter_columns():
        numbers, values = column.cast(pl.Float64, strict=False).is_not_null(), column.is_not_null()
        if 2 * numbers.sum() > values.sum():
            words = values & ~numbers
            row = words.arg_max() if words.any() else None
            such = "" if row is None else f", but not {column[row]!r} in row {row + 1:,}"
            counts = f"{numbers.sum():,} of the {values.sum():,} values looked at"
            yield f"Column {column.name!r} is text and left out, although {counts} are numbers{such}."
