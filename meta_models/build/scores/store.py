"""Scores that come in any order, sorted by position on disk, at bounded memory."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from meta_models.build.scores.file_scores import Sample
from meta_models.errors import InputError
from meta_models.run_folder.atomic import write_error

logger = logging.getLogger(__name__)
#: Positions of a contig that are sorted at a time.
BUCKET = 2**22
_LAST = 2**32 - 1
#: Values of a sample; records from one place of it.
_ENOUGH, _PIECE = 200_000, 1024
_Starts = NDArray[np.uint32]


class IntervalStore:
    """Values of intervals on contigs and strands: first `add`, then `finish`, then `fetch`.

    Parameters
    ----------
    scratch : Path or None
        Where the working folder is made; the system's folder for temporary files if None.
    columns : int
        Values an interval.
    what : str
        Where they come from, for messages.
    keep_highest : bool
        Where a position comes more than once, the highest value counts (and the log says how many); otherwise that
        is an error. Only for intervals of one position.
    """

    def __init__(self, scratch: Path | None, columns: int, what: str, *, keep_highest: bool = False) -> None:
        self._what, self._keep_highest, self._owner = what, keep_highest, os.getpid()
        self._columns, self._again, self._first_again = columns, 0, ""
        self._reached: dict[tuple[str, str], int] = {}
        self._record = np.dtype([("start", "<u4"), ("end", "<u4"), ("values", "<f4", (columns,))])
        with _writing(scratch or Path(tempfile.gettempdir())):
            self._folder = Path(tempfile.mkdtemp(prefix="meta-models-scores-", dir=scratch))
        self._buckets: dict[tuple[str, str, int], Path] = {}
        self._spans: dict[tuple[str, str], slice] = {}
        self._mapped: dict[tuple[str, str], tuple[_Starts, _Starts, NDArray[np.float32]]] = {}
        self._paths = [self._folder / name for name in ("starts", "ends", "values")]

    @property
    def places(self) -> tuple[tuple[str, str], ...]:
        """Contigs and strands in the order in which they came."""
        return tuple(self._spans)

    def add(
        self,
        contig: str,
        strand: str,
        starts: NDArray[np.int64],
        ends: NDArray[np.int64],
        values: NDArray[np.float32],
    ) -> None:
        """Take values, shape (n, columns), of 0-based forward intervals ``[starts, ends)``, shape (n,)."""
        if len(starts) and not (starts.min() >= 0 and ends.max() <= _LAST and (starts < ends).all()):
            raise InputError(
                f"{self._what}: positions must lie on a contig", f"Found {starts.min():,} to {ends.max():,} on {contig}"
            )
        records = np.empty(len(starts), self._record)
        records["start"], records["end"], records["values"] = starts, ends, values
        buckets = starts // BUCKET
        for bucket in np.unique(buckets):
            key = (contig, strand, int(bucket))
            path = self._buckets.setdefault(key, self._folder / f"{len(self._buckets):06d}")
            with _writing(path), path.open("ab") as file:
                file.write(records[buckets == bucket].tobytes())

    def finish(self) -> None:
        """Sort what came.

        Raises
        ------
        InputError
            If a position of a strand came more than once: how many, and the first.
        """
        order = {place: k for k, place in enumerate(dict.fromkeys((c, s) for c, s, _ in self._buckets))}
        keys = sorted(self._buckets, key=lambda key: (order[key[0], key[1]], key[2]))
        with _writing(self._folder):
            starts, ends, values = (path.open("wb") for path in self._paths)
            with starts, ends, values:
                for key in keys:
                    self._write_bucket(key, (starts, ends, values))
        self._report_again()

    def fetch(self, contig: str, strand: str, start: int, end: int) -> NDArray[np.float32]:
        """Values of ``[start, end)``, shape (end - start, columns); NaN where none came."""
        found = np.full((end - start, self._columns), np.nan, np.float32)
        span = self._spans.get((contig, strand))
        if span is None or start > _LAST:
            return found
        starts, ends, values = self._mapped_place((contig, strand), span)
        # the keys have the type of the arrays: otherwise the whole array would be converted
        first = int(np.searchsorted(ends, np.uint32(start), "right"))
        last = int(np.searchsorted(starts, np.uint32(min(end, _LAST)), "left"))
        left = np.maximum(starts[first:last].astype(np.int64), start) - start
        sizes = np.minimum(ends[first:last].astype(np.int64), end) - start - left
        rows = np.repeat(left - (np.cumsum(sizes) - sizes), sizes) + np.arange(sizes.sum())
        found[rows] = np.repeat(values[first:last], sizes, axis=0)
        return found

    def sample(self) -> Sample:
        """Values of some thousand places, spread over all.

        A 0 in a row with another value above 0 is left out: rows whose values are all low may be missing all the same.
        """
        starts, ends, values = self._parts()
        parts, largest, runs = [np.empty(0, np.float32)], [np.empty(0, np.float32)], 0
        for piece in self._pieces():
            sizes = (ends[piece].astype(np.int64) - starts[piece]).clip(max=_PIECE)
            rows = np.repeat(values[piece], sizes, axis=0)
            parts.append(rows[(rows != 0) | ~(rows > 0).any(axis=1, keepdims=True)])
            if self._columns > 1:
                largest.append(rows.max(axis=1))
            joined = starts[piece][1:] == ends[piece][:-1]
            runs += (1 + int((~joined).sum())) * self._columns
        return Sample(np.concatenate(parts), runs, np.concatenate(largest))

    def close(self) -> None:
        """Remove the working files."""
        self._mapped.clear()
        if self._owner == os.getpid():
            shutil.rmtree(self._folder, ignore_errors=True)

    def _pieces(self) -> Iterator[slice]:
        total = sum(span.stop - span.start for span in self._spans.values())
        step = max(total * _PIECE // _ENOUGH, _PIECE)
        for span in self._spans.values():
            for start in range(span.start, span.stop, step):
                yield slice(start, min(start + _PIECE, span.stop))

    def _parts(self) -> tuple[_Starts, _Starts, NDArray[np.float32]]:
        if not self._spans:
            return np.empty(0, np.uint32), np.empty(0, np.uint32), np.empty((0, self._columns), np.float32)
        starts, ends, values = self._paths
        return (
            np.memmap(starts, np.uint32, "r"),
            np.memmap(ends, np.uint32, "r"),
            np.memmap(values, np.float32, "r").reshape(-1, self._columns),
        )

    def _mapped_place(self, place: tuple[str, str], span: slice) -> tuple[_Starts, _Starts, NDArray[np.float32]]:
        """The intervals of a contig and strand; those of the last two that were asked for stay mapped."""
        if place not in self._mapped:
            while len(self._mapped) > 1:
                self._mapped.pop(next(iter(self._mapped)))
            starts, ends, values = self._parts()
            self._mapped[place] = np.asarray(starts[span]), np.asarray(ends[span]), np.asarray(values[span])
        return self._mapped[place]

    def _write_bucket(self, key: tuple[str, str, int], files: tuple[BinaryIO, BinaryIO, BinaryIO]) -> None:
        records = np.fromfile(self._buckets[key], self._record)
        self._buckets[key].unlink()
        place = key[0], key[1]
        records = self._in_order(records[np.argsort(records["start"], kind="stable")], place)
        first = files[0].tell() // 4
        before = self._spans.get(place, slice(first, first))
        self._spans[place] = slice(before.start, first + len(records))
        for file, name in zip(files, ("start", "end", "values"), strict=True):
            file.write(np.ascontiguousarray(records[name]).tobytes())

    def _in_order(self, records: NDArray[np.void], place: tuple[str, str]) -> NDArray[np.void]:
        """Count what comes again in sorted records; where the highest counts, leave the others out."""
        reached = np.maximum.accumulate(np.append(self._reached.get(place, 0), records["end"]))
        self._reached[place] = int(reached[-1])
        again = records["start"] < reached[:-1]
        if again.any():
            self._again += int(again.sum())
            self._first_again = self._first_again or f"{place[0]}:{records['start'][again][0] + 1:,} ({place[1]})"
        if not self._keep_highest:
            return records
        records = records[np.lexsort((records["values"][:, 0], records["start"]))]
        last: NDArray[np.void] = records[np.append(records["start"][1:] != records["start"][:-1], True)]
        return last

    def _report_again(self) -> None:
        if self._again and not self._keep_highest:
            raise InputError(
                f"{self._what}: each position of a strand must come once",
                f"Found {self._again:,} more, the first at {self._first_again}",
            )
        if self._again:
            logger.info("%s: %d positions came again; the highest score counts", self._what, self._again)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise write_error(error, path) from error
