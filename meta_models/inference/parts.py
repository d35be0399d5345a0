"""The parts of a prediction: ranges of rows, each checkpointed, so that an interrupted run can go on."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import polars as pl

from meta_models.dataset.reading.chunks import rows_of_chunk
from meta_models.dataset.reading.read_ahead import side_by_side
from meta_models.errors import WriteError
from meta_models.inference.chunk_scorer import ChunkScorer
from meta_models.progress import Progress
from meta_models.run_folder import UnitHit, UnitKey, UnitStore, parquet_bytes
from meta_models.run_folder.units import UNITS_FOLDER

_FILE = "rows.parquet"


@dataclass(frozen=True)
class Parts:
    """The parts of one prediction.

    Attributes
    ----------
    key : mapping of str to JSON value
        What determines the scores.
    n_rows, part_rows : int
        Rows of the table and of a part.
    """

    store: UnitStore
    key: Mapping[str, object]
    n_rows: int
    part_rows: int

    @classmethod
    def within(cls, folder: Path, key: Mapping[str, object], n_rows: int, part_rows: int) -> Self:
        """Parts that are kept below `folder`."""
        return cls(UnitStore(folder / UNITS_FOLDER), key, n_rows, part_rows)

    def __len__(self) -> int:
        return math.ceil(self.n_rows / self.part_rows)

    def compute(
        self, scorer: ChunkScorer, progress: Progress, workers: int = 1, *, only: Collection[int] | None = None
    ) -> int:
        """Score the rows of all parts (or `only` some) that are not there yet; how many were there.

        So many `workers` score chunks side by side.
        """
        missing = [number for number in self.missing() if only is None or number in only]
        with progress.started(self.n_rows):
            progress.advance(self.n_rows - self.rows_of(missing))
            for first, last in _runs(missing):
                self._stream(scorer, first, last, progress.advance, workers)
        return (len(self) if only is None else len(only)) - len(missing)

    def missing(self) -> list[int]:
        """Numbers of the parts that are not there yet."""
        return [number for number in range(len(self)) if self._get(number) is None]

    def rows_of(self, numbers: Iterable[int]) -> int:
        """How many rows these parts have."""
        return sum(len(self._rows(number)) for number in numbers)

    def await_parts(self, numbers: Iterable[int]) -> None:
        """Wait until these parts, done by other machines, are seen here; raises WriteError if they are not."""
        for number in numbers:
            self.store.awaited(_name(number), self._key(number))

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows of the parts in order, a part at a time.

        Raises
        ------
        WriteError
            If a part is not as it was written.
        """
        for number in range(len(self)):
            hit = self._get(number)
            if hit is None:
                raise WriteError(f"Part {number} must be as it was written", "It was altered", "Run with --resume")
            yield pl.read_parquet(io.BytesIO(hit.read(_FILE)))

    def _stream(self, scorer: ChunkScorer, first: int, last: int, advance: Callable[[int], None], workers: int) -> None:
        """Score the consecutive parts `first` to `last` in one scan."""
        held: list[pl.DataFrame] = []
        number, missing = first, len(self._rows(first))
        for scored in side_by_side(self._chunks(scorer, first, last, workers), scorer.score, workers):
            held.append(scored)
            missing -= scored.height
            advance(scored.height)
            if not missing:
                self._put(number, pl.concat(held))
                held, number = [], number + 1
                missing = len(self._rows(number))

    def _chunks(self, scorer: ChunkScorer, first: int, last: int, workers: int) -> Iterator[pl.DataFrame]:
        """The rows of these parts in chunks, none of which lies in two parts."""
        dataset, at_most = scorer.table.dataset, rows_of_chunk(len(scorer.table.features), workers)
        number, missing = first, len(self._rows(first))
        rows = slice(self._rows(first).start, self._rows(last).stop)
        for frame in dataset.iter_frames(scorer.expressions(), at_most, rows=rows):
            rest = frame
            while rest.height:
                chunk, rest = rest[:missing], rest[missing:]
                yield chunk
                missing -= chunk.height
                if not missing:
                    number += 1
                    missing = len(self._rows(number))

    def _put(self, number: int, frame: pl.DataFrame) -> None:
        self.store.put(_name(number), self._key(number), {_FILE: parquet_bytes(frame)})

    def _get(self, number: int) -> UnitHit | None:
        found = self.store.get(_name(number), self._key(number))
        return found if isinstance(found, UnitHit) else None

    def _key(self, number: int) -> UnitKey:
        rows = self._rows(number)
        return UnitStore.key({**self.key, "rows": [rows.start, rows.stop]})

    def _rows(self, number: int) -> range:
        start = number * self.part_rows
        return range(start, min(start + self.part_rows, self.n_rows))


def _name(number: int) -> str:
    return f"part-{number:06d}"


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of consecutive numbers."""
    start = 0
    for stop in range(1, len(numbers) + 1):
        if stop == len(numbers) or numbers[stop] != numbers[stop - 1] + 1:
            yield numbers[start], numbers[stop - 1]
            start = stop
