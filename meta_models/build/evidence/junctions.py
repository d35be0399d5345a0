"""The junctions of ``SJ.out.tab`` files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from meta_models.build.inputs.text_lines import TextLines, whole_number
from meta_models.errors import InputError

#: How STAR writes the strand of a junction; 0 is unknown.
_STRANDS = {"1": 0, "2": 1}
_COLUMNS = 9
_EXPECTED = "the 9 columns of SJ.out.tab: contig, first and last base of the intron, strand (0, 1 or 2), ..., reads"
JUNCTION = np.dtype(
    [("contig", "<i4"), ("strand", "i1"), ("first", "<i8"), ("last", "<i8"), ("unique", "<f8"), ("multi", "<f8"),
     ("sample", "<i4")]
)  # fmt: skip


@dataclass(frozen=True)
class Junctions:
    """Junctions that reads cross.

    Attributes
    ----------
    contigs : tuple of str
    rows : NDArray of `JUNCTION`
        Number of the contig, strand (0 +, 1 -), first and last base of the intron (0-based, inclusive), reads that
        map to one place and to several, number of the sample.
    lines : int
        Lines of data in the files: rows and those left out.
    without_strand, without_reads : int
        Lines left out.
    """

    contigs: tuple[str, ...]
    rows: NDArray[np.void]
    lines: int
    without_strand: int
    without_reads: int

    @property
    def ends(self) -> dict[str, int]:
        """The last base (from 1) of an intron on each contig."""
        last = np.zeros(len(self.contigs), np.int64)
        np.maximum.at(last, self.rows["contig"], self.rows["last"] + 1)
        return dict(zip(self.contigs, last.tolist(), strict=True))

    @classmethod
    def joined(cls, samples: Sequence[Junctions]) -> Junctions:
        """The junctions of several samples, numbered in their order."""
        numbers = {name: k for k, name in enumerate(dict.fromkeys(n for s in samples for n in s.contigs))}
        parts = []
        for sample, junctions in enumerate(samples):
            rows = junctions.rows.copy()
            rows["contig"] = np.array([numbers[name] for name in junctions.contigs], np.int32)[rows["contig"]]
            rows["sample"] = sample
            parts.append(rows)
        return cls(
            tuple(numbers), np.concatenate(parts), sum(s.lines for s in samples),
            sum(s.without_strand for s in samples), sum(s.without_reads for s in samples),
        )  # fmt: skip


def read_junctions(path: Path) -> Junctions:
    """Read a file of STAR, plain or gzip. The columns motif, annotated and overhang are not used.

    Raises
    ------
    InputError
        Naming the line that holds something else, or the number of junctions that come again.
    """
    lines, contigs, rows = TextLines(path), dict[str, int](), []
    without_strand = without_reads = 0
    for number, line in lines:
        contig, strand, row = _parsed(lines, number, line)
        if strand is None:
            without_strand += 1
        elif not row[2] and not row[3]:
            without_reads += 1
        else:
            rows.append((contigs.setdefault(contig, len(contigs)), strand, *row, 0))
    found = np.array(rows, JUNCTION)
    _require_once(path, found, tuple(contigs))
    return Junctions(tuple(contigs), found, lines.data, without_strand, without_reads)


def _parsed(lines: TextLines, number: int, line: str) -> tuple[str, int | None, tuple[int, int, int, int]]:
    fields = line.split("\t")
    if len(fields) != _COLUMNS or fields[3] not in ("0", *_STRANDS) or not fields[0].strip():
        raise lines.error(number, _EXPECTED, line)
    numbers = [whole_number(fields[k].strip()) for k in (1, 2, 6, 7)]
    first, last, unique, multi = numbers
    if first is None or last is None or unique is None or multi is None or not 1 <= first <= last:
        raise lines.error(number, _EXPECTED, line)
    return fields[0].strip(), _STRANDS.get(fields[3]), (first - 1, last - 1, unique, multi)


def _require_once(path: Path, rows: NDArray[np.void], contigs: tuple[str, ...]) -> None:
    names = ("last", "first", "strand", "contig")
    rows = rows[np.lexsort([rows[name] for name in names])]
    again = np.logical_and.reduce([rows[name][1:] == rows[name][:-1] for name in names])
    if again.any():
        first = rows[1:][again][0]
        place = f"{contigs[first['contig']]}:{first['first'] + 1:,}-{first['last'] + 1:,}"
        raise InputError(
            f"{path}: each junction must come once", f"Found {int(again.sum()):,} more, the first at {place}"
        )
