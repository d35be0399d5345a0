"""Positions are whole numbers: what else a column holds is refused before it is cut to one."""

from __future__ import annotations

import polars as pl

from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import InputError
from meta_models.schema import GENOMIC_POSITION, POSITION
from meta_models.wording import counted

WHOLE = (POSITION, GENOMIC_POSITION)
_SCAN_ROWS = 1_000_000
_INTEGERS = ("int", "uint", "bool")
#: Floats of fewer than 64 bits, and the number from which on they hold not every whole number.
_COARSE = {"halffloat": 2**11, "float": 2**24}


def whole_columns(dataset: Dataset) -> tuple[str, ...]:
    """The columns of positions that `dataset` has, as numbers."""
    return tuple(c for c in WHOLE if c in dataset.columns and dataset.kind(c) is Kind.NUMERIC)


def require_whole(dataset: Dataset) -> None:
    """Refuse positions that are fractions, NaN or infinite; null is fine and means unknown.

    And those that a column of short floats may have rounded. Columns of integers are not read.

    Raises
    ------
    InputError
        Naming column and counts, and an example.
    """
    columns = [c for c in whole_columns(dataset) if not _is_integer(dataset.dtype(c))]
    if not columns:
        return
    unfit: dict[str, list[float]] = {column: [] for column in columns}
    rounded = {column: 0 for column in columns if dataset.dtype(column) in _COARSE}
    for chunk in dataset.iter_frames([pl.col(c).cast(pl.Float64) for c in columns], _SCAN_ROWS):
        for column in columns:
            values = chunk[column].drop_nulls()
            unfit[column] += values.filter(~values.is_finite() | (values != values.floor())).to_list()
        for column in rounded:
            rounded[column] += int((chunk[column].abs() > _COARSE[dataset.dtype(column)]).sum())
    for column, found in unfit.items():
        if found:
            raise InputError(
                f"Column {column!r} of {dataset.source!r} must hold whole numbers (null where it is not known)",
                f"Found {counted(len(found), 'other value')}, such as {found[0]}",
                "Correct them, or make them null",
            )
    for column, count in rounded.items():
        if count:
            name, last = dataset.dtype(column), _COARSE[dataset.dtype(column)]
            raise InputError(
                f"Positions in {column!r} of {dataset.source!r} must be exact",
                f"Found {counted(count, 'number')} beyond {last:,}, where its type ({name}) leaves out whole numbers",
                "Save the column anew as whole numbers, or as floats of 64 bits, from where it was exact",
            )


def ignored_positions(dataset: Dataset) -> tuple[str, ...]:
    """What to say of columns of positions that hold text, of which nothing is used."""
    text = [c for c in WHOLE if c in dataset.columns and dataset.kind(c) in (Kind.STRING, Kind.OTHER)]
    return tuple(f"Column {c!r} holds no numbers ({dataset.dtype(c)}) and is not used." for c in text)


def negative_positions(frame: pl.DataFrame) -> tuple[str, ...]:
    """What to say of columns of positions that hold negative numbers: no position is one, whichever it counts from."""
    columns = [c for c in WHOLE if c in frame.columns]
    counts = frame.select((pl.col(columns) < 0).sum()).row(0) if columns else ()
    found = {c: count for c, count in zip(columns, counts, strict=True) if count}
    return tuple(f"Column {c!r} holds {counted(count, 'negative position')}." for c, count in found.items())


def _is_integer(dtype: str) -> bool:
    return all(part.startswith(_INTEGERS) for part in dtype.split("|"))
