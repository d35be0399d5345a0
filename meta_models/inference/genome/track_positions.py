"""Scored positions in the order of the genome, at bounded memory: sorted bucket by bucket on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.inference.chunk_scorer import CORRECTED, PREDICTED
from meta_models.result import CALIBRATED, probability_columns
from meta_models.schema import CHROM, CLASS_NAMES, GENOMIC_POSITION, SITE_CLASSES, STRAND

#: Positions of a chromosome that are sorted at a time.
BUCKET = 2**22
STRANDS = (".", "+", "-")
#: Numbers of `STRANDS` as tables name them: Ensembl writes 1 and -1, which are no whole numbers beside missing ones.
_STRAND_NUMBERS = {"+": 1, "+1": 1, "1": 1, "1.0": 1, "-": 2, "-1": 2, "-1.0": 2}
RECORD = np.dtype([("position", "<i8"), ("donor", "<f4"), ("acceptor", "<f4"), ("decided", "u1"), ("strand", "u1")])


@dataclass
class TrackPositions:
    """Collects the rows of a prediction that have coordinates.

    Parameters
    ----------
    folder : Path
        Where buckets are kept while the rows come in.

    Attributes
    ----------
    ends : dict of str to int
        Largest position of each chromosome.
    left_out : int
        Rows without chromosome or position.
    """

    folder: Path
    ends: dict[str, int] = field(default_factory=dict)
    left_out: int = 0
    _buckets: dict[tuple[str, int], Path] = field(default_factory=dict)

    def add(self, frame: pl.DataFrame) -> None:
        """Take the rows of `frame`.

        Raises
        ------
        InputError
            If a position is below 1.
        """
        known = frame.filter(pl.col(CHROM).is_not_null() & pl.col(GENOMIC_POSITION).is_not_null())
        self.left_out += frame.height - known.height
        for (chrom,), rows in known.group_by(CHROM, maintain_order=True):
            records = _records(rows)
            name, last = str(chrom), int(records["position"].max())
            if records["position"].min() < 1:
                raise InputError("genomic_position counts from 1", f"Found {records['position'].min()} on {name}")
            self.ends[name] = max(last, self.ends.get(name, 0))
            bucket = (records["position"] - 1) // BUCKET
            for number in np.unique(bucket):
                with self._file(name, int(number)).open("ab") as file:
                    file.write(records[bucket == number].tobytes())

    def chromosomes(self) -> tuple[str, ...]:
        """Names of the chromosomes in the order of their bytes, as ``sort`` with ``LC_ALL=C``."""
        return tuple(sorted(self.ends, key=str.encode))

    def sorted(self) -> Iterator[tuple[str, NDArray[np.void]]]:
        """Chromosome and records (:data:`RECORD`) of each bucket, by chromosome and position."""
        for chrom, number in sorted(self._buckets, key=lambda bucket: (bucket[0].encode(), bucket[1])):
            records = np.fromfile(self._buckets[chrom, number], RECORD)
            yield chrom, records[np.argsort(records["position"], kind="stable")]

    def _file(self, chrom: str, number: int) -> Path:
        """The file of a bucket, by a number of its own: names of chromosomes may hold anything."""
        return self._buckets.setdefault((chrom, number), self.folder / str(len(self._buckets)))


def highest(records: NDArray[np.void], name: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Each position once, with the largest probability `name` of the rows that share it (of overlapping genes)."""
    positions, first = np.unique(records["position"], return_index=True)
    return positions, np.maximum.reduceat(records[name], first)


def _records(rows: pl.DataFrame) -> NDArray[np.void]:
    prefix = CORRECTED if probability_columns(CORRECTED)[0] in rows.columns else CALIBRATED
    records = np.empty(rows.height, RECORD)
    records["position"] = rows[GENOMIC_POSITION].to_numpy()
    for target in SITE_CLASSES:
        records[target.label] = rows[probability_columns(prefix)[target]].to_numpy()
    codes = {name: number for number, name in enumerate(CLASS_NAMES)}
    records["decided"] = rows[PREDICTED].replace_strict(codes, return_dtype=pl.UInt8).to_numpy()
    records["strand"] = 0
    if STRAND in rows.columns:
        records["strand"] = rows[STRAND].replace_strict(_STRAND_NUMBERS, default=0, return_dtype=pl.UInt8).to_numpy()
    return records
