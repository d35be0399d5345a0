"""Lines of a text table, seen without the reader: whether its fields are quoted, and how many rows there must be."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from meta_models.dataset.reading.text_faults import lines_of
from meta_models.errors import InputError

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
QUOTE = '"'


def quote_of(path: Path, separator: str) -> str | None:
    """The character that quotes fields: that of CSV; in TSV none, unless the names of the columns stand in quotes.

    In TSV as most programs write it a quotation mark is a character like any other. R's ``write.table`` quotes all
    text, the header first.
    """
    if separator == ",":
        return QUOTE
    with lines_of(path) as lines:
        names = lines.readline().removeprefix(_BYTE_ORDER_MARK).rstrip(b"\r\n").split(separator.encode())
    quote = QUOTE.encode()
    return QUOTE if all(len(n) > 1 and n.startswith(quote) and n.endswith(quote) for n in names) else None


def require_rows(path: Path, expected: int, table: pl.LazyFrame, separator: str) -> None:
    """See that no line of a text table was swallowed by a text that a quotation mark began.

    Lines are counted without the reader: of those that are not empty, each but the header is a row, or the further
    line of a text with line ends in it. Such a text holds no separator: it would be the rest of one row, and what
    follows it.

    Parameters
    ----------
    expected : int
        Lines of `path` that are not empty, but the header.
    table : polars.LazyFrame
        What was read of them.

    Raises
    ------
    InputError
        With both numbers.
    """
    rows, ends, swallowed = _line_ends(table, separator)
    if rows + ends < expected or (rows < expected and swallowed):
        raise InputError(
            f"Each line of {str(path)!r} must be a row",
            f"Found {expected} lines after the header, of which the reader made {rows} rows: a quotation mark begins a "
            "text that runs over several lines",
            "Remove single quotation marks, and line ends in texts",
        )


def _line_ends(table: pl.LazyFrame, separator: str) -> tuple[int, int, int]:
    """Rows, line ends in texts, and texts with a line end and a separator."""
    names = [name for name, dtype in table.collect_schema().items() if dtype == pl.String]
    ended = [pl.col(name).str.contains("\n", literal=True) for name in names]
    parted = [pl.col(name).str.contains(separator, literal=True) for name in names]
    ends = [pl.col(name).str.count_matches("\n", literal=True).sum() for name in names]
    swallowed = [(a & b).sum() for a, b in zip(ended, parted, strict=True)]
    total = (
        pl.sum_horizontal(pl.lit(0), *ends).alias("ends"),
        pl.sum_horizontal(pl.lit(0), *swallowed).alias("swallowed"),
    )
    found = table.select(pl.len(), *total).collect()
    return found["len"][0], found["ends"][0], found["swallowed"][0]
