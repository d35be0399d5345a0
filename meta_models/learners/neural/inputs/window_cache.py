"""Windows around rows in one place, in two bytes a value, and as pieces that a net is trained on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.learners.neural.inputs.batches import Piece
from meta_models.learners.neural.inputs.crops import Bools, Ints
from meta_models.learners.neural.inputs.gene_cache import GeneSums
from meta_models.learners.neural.inputs.sources import Floats, PieceSource
from meta_models.learners.neural.inputs.storage import FileTrack, MemoryTrack, Track
from meta_models.learners.neural.inputs.tracks import Numbers, log_odds
from meta_models.learners.page_digests import PageDigests
from meta_models.learners.seam import Matrix
from meta_models.learners.seam.windows import TrainingWindows, WindowRows
from meta_models.schema import CLASSES

#: Rows that are brought into the form of pieces, and rows that are summed, at a time: bounds memory.
PIECES_AT_ONCE, _BLOCK = 64, 8192


@dataclass(frozen=True)
class WindowCache:
    """What `cached_windows` yields.

    Attributes
    ----------
    flank : int
        Bases on either side of each row: as far as a net looks.
    codes, numbers : Track
        A record a row: its bases, and its tracks of numbers.
    fingerprint : str
        Of all that was cached.
    """

    n_rows: int
    flank: int
    codes: Track[np.uint8]
    numbers: Track[np.float16]
    fingerprint: str
    digests: PageDigests | None

    def verify(self) -> None:
        """Raise UnitsFailed where a file was changed since."""
        if self.digests is not None:
            self.digests.verify()

    def pieces(self, rows: Ints) -> list[Piece]:
        """Some rows as pieces."""
        return [self.piece(int(row)) for row in rows]

    def piece(self, row: int) -> Piece:
        """A row as a piece: what is known of it alone lies in the middle."""
        return window_piece(self.codes.read(row, row + 1)[0], self.numbers.read(row, row + 1)[0])


@dataclass(frozen=True)
class WindowPieces(PieceSource):
    """Windows with the labels (n_rows,) of their rows and what these count (n_rows,); None: all the same."""

    cache: WindowCache
    labels: NDArray[np.uint8]
    weights: NDArray[np.float32] | None

    @cached_property
    def spans(self) -> Ints:
        """All alike."""
        return np.full(self.cache.n_rows, 2 * self.cache.flank + 1, np.int64)

    @cached_property
    def sites(self) -> Bools:
        """Whether the row is one."""
        return np.asarray(self.labels != 0)

    def piece(self, number: int) -> Piece:
        """A row from the cache."""
        return self.cache.piece(number)

    def targets(self, numbers: Ints, positions: int) -> NDArray[np.int64]:
        """The label in the middle."""
        found = np.full((len(numbers), positions), -1, np.int64)
        found[:, self.cache.flank] = self.labels[numbers]
        return found

    def counts(self, numbers: Ints) -> NDArray[np.float32]:
        """The weights of the rows."""
        return np.ones(len(numbers), np.float32) if self.weights is None else self.weights[numbers]

    def total(self, among: Bools) -> float:
        """Sum of the weights."""
        return float(among.sum()) if self.weights is None else float(self.weights[among].sum(dtype=np.float64))

    def scale(self, among: Bools) -> tuple[Floats, Floats]:
        """Of the rows, whatever they count."""
        count, total, squares = np.zeros((3, 1, self.cache.numbers.width))
        for begin in range(0, self.cache.n_rows, _BLOCK):
            end = min(begin + _BLOCK, self.cache.n_rows)
            numbers = self.cache.numbers.read(begin, end)[among[begin:end]].astype(np.float64)
            there = ~np.isnan(numbers)
            values = np.where(there, numbers, 0)
            for sums, terms in zip((count, total, squares), (there, values, values**2), strict=True):
                sums += terms.sum(0)
        return GeneSums(count, total, squares, np.zeros((1, len(CLASSES)), np.int64)).scale(np.ones(1, np.bool_))

    def log_shares(self, among: Bools) -> Floats:
        """By weight."""
        weights = None if self.weights is None else self.weights[among].astype(np.float64)
        seen = np.bincount(self.labels[among], weights, len(CLASSES)) + 1.0
        return np.asarray(np.log(seen / seen.sum()))


@contextmanager
def cached_windows(rows: TrainingWindows, flank: int, folder: Path | None) -> Iterator[WindowCache]:
    """All rows in `folder`, or in memory where there is none. Some rows at a time are held beside.

    Parameters
    ----------
    flank : int
        Bases on either side of a row that are read: longer windows are cut to it.

    Raises
    ------
    InputError
        If there are not as many rows as was told.
    """
    writer = _Writer(rows, flank, folder)
    try:
        for some in rows.table.iter_windows(rows.columns, rows.window):
            writer.add(some)
        yield writer.finished()
    finally:
        writer.close()


class _Writer:
    def __init__(self, rows: TrainingWindows, flank: int, folder: Path | None) -> None:
        self.rows, self.flank, self.folder = rows, flank, folder
        self.codes: Track[np.uint8] = self._track("codes.u8", 2 * flank + 1, np.uint8)
        self.numbers: Track[np.float16] = self._track("numbers.f16", len(rows.columns), np.float16)
        self._fingerprint = hashlib.sha256()
        self._added = 0

    @property
    def _tracks(self) -> tuple[Track[np.uint8], Track[np.float16]]:
        return self.codes, self.numbers

    def _track(self, name: str, width: int, kind: Any) -> Track[Any]:
        if self.folder is None:
            return MemoryTrack(self.rows.n_rows, width, kind)
        return FileTrack(self.folder / name, width, kind)

    def add(self, some: WindowRows) -> None:
        """Append rows."""
        codes = np.ascontiguousarray(middle(some.codes, self.flank))
        numbers = numbers_of_rows(some.matrix, len(self.rows.base_models))
        self.codes.append(codes)
        self.numbers.append(numbers)
        for part in (codes.data, numbers.data):
            self._fingerprint.update(part)
        self._added += len(codes)

    def finished(self) -> WindowCache:
        """All rows; raises InputError where some are absent."""
        if self._added != self.rows.n_rows:
            raise InputError(f"There must be {self.rows.n_rows} rows", f"Found {self._added}")
        for track in self._tracks:
            track.finish()
        digests = None if self.folder is None else PageDigests.of(self.folder)
        return WindowCache(self._added, self.flank, *self._tracks, self._fingerprint.hexdigest(), digests)

    def close(self) -> None:
        """Close the files."""
        for track in self._tracks:
            if isinstance(track, FileTrack):
                track.close()


def numbers_of_rows(matrix: Matrix, models: int) -> Numbers:
    """Columns (n, n_numbers) of rows as tracks of genes are read: log-odds of `models` pairs of scores, then arsinh."""
    found = np.empty(matrix.shape, np.float16)
    found[:, : 2 * models] = log_odds(matrix[:, : 2 * models])
    found[:, 2 * models :] = np.arcsinh(matrix[:, 2 * models :])
    return found


def middle(codes: NDArray[np.uint8], flank: int) -> NDArray[np.uint8]:
    """`codes` (n, window) without what lies farther than `flank` from the middle."""
    centre = codes.shape[1] // 2
    return codes[:, centre - flank : centre + flank + 1]


def window_piece(codes: NDArray[np.uint8], numbers: Numbers) -> Piece:
    """A row of these bases, whose tracks of numbers (n_numbers,) are known in their middle alone."""
    flank = len(codes) // 2
    known = np.full((len(codes), len(numbers)), np.nan, np.float16)
    known[flank] = numbers
    return Piece(codes, known, -flank, 1, slice(flank, flank + 1))
