"""Rows of a long table of scores, a batch of one contig and strand at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from meta_models.build.inputs.text_lines import TextLines, decimal_number, whole_number
from meta_models.build.scores.checks import as_scores
from meta_models.errors import InputError
from meta_models.local_paths import exists
from meta_models.run_folder.native_files import open_parquet

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
    """Rows of a TSV or CSV file, plain or gzip; commas separate where its name has ``.csv``. Quotes around a value go.

    Raises
    ------
    InputError
        Naming the line that is not as it should be, or the columns that are missing.
    """
    lines = TextLines(path)
    separator = "," if ".csv" in path.name.lower() else "\t"
    header: _Header | None = None
    groups: dict[tuple[str, str], list[tuple[float, ...]]] = {}
    for number, line in lines:
        fields = [field.strip().strip('"') for field in line.split(separator)]
        if header is None:
            header, is_data = _header(lines, fields, separator)
            if not is_data:
                continue
        contig, strand, row = _parsed(lines, number, line, fields, header)
        groups.setdefault((contig, strand), []).append(row)
        if lines.data % _BATCH == 0:
            yield from _grouped(groups)
            groups.clear()
    if header is None:
        _require(path, [])
    yield from _grouped(groups)


def parquet_rows(path: Path) -> Iterator[Rows]:
    """Rows of a Parquet file, read by record batches.

    Raises
    ------
    InputError
        If it cannot be read, columns are missing, or a value is null or of the wrong type.
    """
    try:
        with open_parquet(path) as file:
            names = file.schema_arrow.names
            _require(path, names)
            columns = [*REQUIRED, *([NEITHER] if NEITHER in names else [])]
            first = 1
            for batch in file.iter_batches(_BATCH * 4, columns=columns):
                yield from _of_batch(path, batch, first)
                first += batch.num_rows
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        found = f"Found: {error}" if exists(path) else "It does not exist"
        raise InputError(f"{path} must be a readable Parquet file", found) from error


@dataclass(frozen=True)
class _Header:
    """How many columns a text table has, and where those stand that are used: chrom, strand, position, scores."""

    count: int
    chrom: int
    strand: int
    position: int
    scores: tuple[int, ...]


def _header(lines: TextLines, fields: Sequence[str], separator: str) -> tuple[_Header, bool]:
    """The header, which is the first line or the comment before it, and whether the first line is data already."""
    comment = [name.strip().strip('"') for name in lines.last_comment.lstrip("#").split(separator)]
    own, above = ([name.lower() for name in names] for names in (fields, comment))
    is_data = "chrom" not in own and "chrom" in above
    names = above if is_data else own
    _require(lines.path, names)
    scores = [name for name in ("donor", "acceptor", NEITHER) if name in names]
    chrom, strand, position, *where = (names.index(name) for name in ("chrom", "strand", "position", *scores))
    return _Header(len(names), chrom, strand, position, tuple(where)), is_data


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
    lines: TextLines, number: int, line: str, fields: Sequence[str], header: _Header
) -> tuple[str, str, tuple[float, ...]]:
    """Contig, strand, and the row: number of the line, position, scores."""
    if len(fields) != header.count:
        raise lines.error(number, f"{header.count} columns", line)
    contig, strand = fields[header.chrom], _STRANDS.get(fields[header.strand])
    position = whole_number(fields[header.position])
    scores = [score for k in header.scores if (score := decimal_number(fields[k])) is not None]
    if not contig or not position or strand is None or len(scores) != len(header.scores):
        raise lines.error(number, "a contig, a position from 1 on, a strand (+ or -) and scores", line)
    return contig, strand, (number, position, *scores)


def _grouped(groups: Mapping[tuple[str, str], list[tuple[float, ...]]]) -> Iterator[Rows]:
    for (contig, strand), rows in groups.items():
        numbers, positions, *scores = zip(*rows, strict=True)
        values = as_scores(scores)
        neither = values[2] if len(values) > 2 else None
        numbers_, positions_ = np.array(numbers, np.int64), np.array(positions, np.int64)
        yield Rows(contig, strand, positions_, values[:2].T.copy(), neither, numbers_, "line")


def _of_batch(path: Path, batch: pa.RecordBatch, first: int) -> Iterator[Rows]:
    names = batch.schema.names
    for name in names:
        if nulls := batch.column(name).null_count:
            row = first + int(np.flatnonzero(batch.column(name).is_null().to_numpy(zero_copy_only=False))[0])
            raise InputError(f"{path}: column {name} must not have nulls", f"Found {nulls:,} from row {row:,} on")
    contigs, contig_of = _texts(batch.column("chrom"))
    strands, strand_of = _texts(batch.column("strand"))
    unknown = sorted(set(strands) - _STRANDS.keys())
    if unknown:
        raise InputError(f"{path}: column strand holds + and -", f"Found {', '.join(map(repr, unknown[:5]))}")
    positions = _whole(path, batch)
    scores = {name: _scores(path, batch, name) for name in ("donor", "acceptor", NEITHER) if name in names}
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


def _whole(path: Path, batch: pa.RecordBatch) -> NDArray[np.int64]:
    column = batch.column("position")
    if not pa.types.is_integer(column.type):
        raise InputError(f"{path}: column position must hold whole numbers", f"Found the type {column.type}")
    return np.asarray(column.to_numpy(zero_copy_only=False)).astype(np.int64)


def _scores(path: Path, batch: pa.RecordBatch, name: str) -> NDArray[np.float32]:
    column = batch.column(name)
    if not pa.types.is_floating(column.type) and not pa.types.is_integer(column.type):
        raise InputError(f"{path}: column {name} must hold numbers", f"Found the type {column.type}")
    return as_scores(column.to_numpy(zero_copy_only=False))
