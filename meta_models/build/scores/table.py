"""A long table: a row a position and strand, as Parquet, TSV or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.source_files import FileFacts, file_facts
from meta_models.build.scores.checks import ScoreTally
from meta_models.build.scores.file_scores import FileScores, Sample, Wanted
from meta_models.build.scores.store import IntervalStore
from meta_models.build.scores.table_rows import Rows, parquet_rows, text_rows
from meta_models.errors import InputError


class TableScores(FileScores):
    """Scores in one table with the columns chrom, position, strand, donor, acceptor and perhaps neither.

    `position` counts from 1 on the forward strand; `strand` is ``+`` or ``-`` (1 and -1 mean the same). Rows may come
    in any order. Where `neither` stands beside them, the three scores must sum to 1 (within .01).

    Raises
    ------
    InputError
        If a column is missing, a value is none of those, a score is no probability, or a position of a strand comes
        twice.
    """

    kind = "table"

    def __init__(self, key: str, path: Path, scratch: Path | None = None) -> None:
        what = f"scores {key} ({path})"
        self._path = path
        self._store = IntervalStore(scratch, 2, what)
        try:
            self._fill(what)
        except BaseException:
            self.close()
            raise
        super().__init__(key, tuple(dict.fromkeys(contig for contig, _ in self._store.places)), what)

    def close(self) -> None:
        """Remove the working files."""
        self._store.close()

    def _fill(self, what: str) -> None:
        tally = ScoreTally(what)
        for rows in _rows(self._path):
            tally.add(rows.values, rows.neither, rows.place)
            starts = rows.positions - 1
            if not tally.wrong:
                self._store.add(rows.contig, rows.strand, starts, rows.positions, rows.values)
        tally.raise_if_wrong()
        self._store.finish()
        if not self._store.places:
            raise InputError(f"{what}: the table must hold rows", "Found none")

    def _forward(self, wanted: Wanted) -> NDArray[np.float32]:
        return self._store.fetch(wanted.name, wanted.strand, wanted.start, wanted.end)

    def _covers(self, name: str, strand: str) -> bool:
        return (name, strand) in self._store.places

    def _sample(self) -> Sample:
        return self._store.sample()

    def _files(self) -> dict[str, FileFacts]:
        return {"table": file_facts(self._path)}


def _rows(path: Path) -> Iterator[Rows]:
    parquet = path.name.lower().endswith((".parquet", ".pq"))
    return parquet_rows(path) if parquet else text_rows(path)
