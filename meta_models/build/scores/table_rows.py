"""Rows of a long table of scores, a batch of one contig and strand at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from meta_models.build.text_lines import TextLines, decimal_number, whole_number
from meta_models.errors import InputError

REQUIRED = ("chrom", "position", "strand", "donor", "acceptor")
NEITHER = "neither"
_STRANDS = {"+": "+", "+1": "+", "1": "+", "-": "-", "-1": "-"}
_BATCH = 65_536


@dataclass(frozen=True)
class Rows:
    """Rows of one contig and strand.

    Attributes
    ----------
    positions : NDArray[int64], shape (n,)
        1-based, forward strand.
    values : NDArray[float32], shape (n, 2)
        Donor and acceptor score.
    neither : NDArray[float32], shape (n,), or None
    numbers : NDArray[int64], shape (n,)
        Line or row of the file, from 1.
    unit : str
        ``"line"`` or ``"row"``.
    """

    contig: str
    strand: str
    positions: NDArray[np.int64]
    values: NDArray[np.float32]
    neither: NDArray[np.float32] | None
    numbers: NDArray[np.int64]
    unit: str

    def place(self, k: int) -> str:
        """Where row `k` lies, for messages."""
        position = int(self.positions[k])
        return f"{self.contig}:{position:,} ({self.strand}), {self.unit} {int(self.numbers[k]):,}"


def text_rows(path: Path) -> Iterator[Rows]:
    """Rows of a TSV or CSV file, plain or gzip; commas separate where its name has ``.csv``.

    Raises
    ------
    InputError
        Naming the line that is not as it should be, or the columns that are missing.
    """
    lines = TextLines(path)
    separator = "," if ".csv" in path.name.lower() else "\t"
    found, columns = iter(lines), None
    groups: dict[tuple[str, str], list[tuple[int, ...]]] = {}
    for number, line in found:
        fields = line.split(separator)
        if columns is None:
            columns = _columns(lines, fields, separator)
            if "chrom" in _lower(fields):
                continue
        contig, strand, row = _parsed(lines, number, line, fields, columns)
        groups.setdefault((contig, strand), []).append(row)
        if lines.data % _BATCH == 0:
            yield from _grouped(groups, with_neither=NEITHER in columns)
            groups.clear()
    if columns is None:
        raise InputError(f"{path}: the table must have the columns {', '.join(REQUIRED)}", "Found an empty file")
    yield from _grouped(groups, with_neither=NEITHER in columns)


def parquet_rows(path: Path) -> Iterator[Rows]:
    """Rows of a Parquet file, read by record batches.

    Raises
    ------
    InputError
        If it cannot be read, columns are missing, or a value is null or of the wrong type.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = file.schema_arrow.names
            _require(path, names)
            columns = [*REQUIRED, *([NEITHER] if NEITHER in names else [])]
            first = 1
            for batch in file.iter_batches(_BATCH * 4, columns=columns):
                yield from _of_batch(path, batch, first)
                first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"{path} must be a readable Parquet file", f"Found: {error}") from error


def _columns(lines: TextLines, fields: Sequence[str], separator: str) -> dict[str, int]:
    """Where each column stands, by the header; it may be a comment."""
    comment = lines.last_comment.lstrip("#").split(separator)
    names = _lower(fields if "chrom" in _lower(fields) else comment)
    _require(lines.path, names)
    return {name: k for k, name in enumerate(names)}


def _lower(fields: Sequence[str]) -> list[str]:
    return [field.strip().strip('"').lower() for field in fields]


def _require(path: Path, names: Sequence[str]) -> None:
    missing = [name for name in REQUIRED if name not in names]
    twice = sorted({name for name in names if names.count(name) > 1 and name in (*REQUIRED, NEITHER)})
    if missing or twice:
        found = f"missing: {', '.join(missing)}" if missing else f"twice: {', '.join(twice)}"
        raise InputError(
            f"{path}: a table of scores has the columns {', '.join(REQUIRED)} and perhaps {NEITHER}",
            f"Found {', '.join(names)[:200]} ({found})",
            "position counts from 1 on the forward strand; donor and acceptor are probabilities",
        )


def _parsed(
    lines: TextLines, number: int, line: str, fields: Sequence[str], columns: Mapping[str, int]
) -> tuple[str, str, tuple[int, ...]]:
    if len(fields) != len(columns):
        raise lines.error(number, f"{len(columns)} columns", line)
    contig, strand = (fields[columns[name]].strip().strip('"') for name in ("chrom", "strand"))
    position = whole_number(fields[columns["position"]].strip())
    names = ("donor", "acceptor", *((NEITHER,) if NEITHER in columns else ()))
    scores = [decimal_number(fields[columns[name]]) for name in names]
    if not contig or not position or strand not in _STRANDS or None in scores:
        raise lines.error(number, "a contig, a position from 1 on, a strand (+ or -) and scores", line)
    return contig, _STRANDS[strand], (number, position, *scores)  # type: ignore[arg-type]


def _grouped(groups: Mapping[tuple[str, str], list[tuple[int, ...]]], *, with_neither: bool) -> Iterator[Rows]:
    for (contig, strand), rows in groups.items():
        numbers, positions, *scores = zip(*rows, strict=True)
        values = np.array(scores, np.float64).astype(np.float32)
        yield Rows(
            contig, strand, np.array(positions, np.int64), values[:2].T.copy(), values[2] if with_neither else None,
            np.array(numbers, np.int64), "line",
        )  # fmt: skip


def _of_batch(path: Path, batch: pa.RecordBatch, first: int) -> Iterator[Rows]:
    for name in batch.schema.names:
        if nulls := batch.column(name).null_count:
            row = first + int(np.flatnonzero(batch.column(name).is_null().to_numpy(zero_copy_only=False))[0])
            raise InputError(f"{path}: column {name} must not have nulls", f"Found {nulls:,} from row {row:,} on")
    contigs, contig_of = _texts(batch.column("chrom"))
    strands, strand_of = _texts(batch.column("strand"))
    unknown = sorted(set(strands) - _STRANDS.keys())
    if unknown:
        raise InputError(f"{path}: column strand holds + and -", f"Found {', '.join(map(repr, unknown[:5]))}")
    positions = _numbers(path, batch, "position", pa.int64(), np.dtype(np.int64))
    scores = {n: _numbers(path, batch, n, pa.float32(), np.dtype(np.float32)) for n in batch.schema.names[3:]}
    if len(positions) and positions.min() < 1:
        row = first + int(positions.argmin())
        raise InputError(f"{path}: positions count from 1", f"Found {positions.min():,} in row {row:,}")
    pairs = contig_of.astype(np.int64) * len(strands) + strand_of
    for pair in np.unique(pairs):
        at = np.flatnonzero(pairs == pair)
        contig, strand = contigs[pair // len(strands)], _STRANDS[strands[pair % len(strands)]]
        values = np.stack([scores["donor"][at], scores["acceptor"][at]], axis=1)
        neither = scores[NEITHER][at] if NEITHER in scores else None
        yield Rows(contig, strand, positions[at], values, neither, at + first, "row")


def _texts(column: pa.Array) -> tuple[list[str], NDArray[np.integer[Any]]]:
    """Distinct texts of a column and the number of each row's."""
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    return [str(text) for text in encoded.dictionary.to_pylist()], encoded.indices.to_numpy(zero_copy_only=False)


def _numbers(path: Path, batch: pa.RecordBatch, name: str, kind: pa.DataType, dtype: np.dtype[Any]) -> NDArray[Any]:
    column = batch.column(name)
    whole = pa.types.is_integer(column.type)
    if not whole and not (pa.types.is_floating(column.type) and pa.types.is_floating(kind)):
        raise InputError(f"{path}: column {name} must hold {kind} numbers", f"Found the type {column.type}")
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype)
