"""Rows of OpenSpliceAI's BED files, in the coordinates of the genome whatever the version wrote.

A name is ``GENE chrom:start-end(strand)`` (1-based, inclusive) and perhaps ``:+`` for the way it was read. Where the
name of the contig begins with ``chr``, rows are in genomic coordinates; elsewhere in those of the sequence that was
predicted, with the whole name in the first column and ``absolute_coordinates`` in the last. A row covers one base, or
two in early versions, of which the first in the direction of the strand is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from meta_models.build.inputs.text_lines import TextLines, decimal_number, whole_number

_HEADER = re.compile(
    r"(?:.*\s)?(?P<contig>[^\s:]+):(?P<first>\d{1,18})-(?P<last>\d{1,18})\((?P<strand>[-+.])\)(?::?(?P<way>[-+]))?"
)
_LABEL = re.compile(r"_(Donor|Acceptor)$")
_RELATIVE = "absolute_coordinates"
_NO_END = 2**32 - 2


class Row(NamedTuple):
    """One score.

    Attributes
    ----------
    position : int
        0-based, forward.
    first, last : int
        The stretch ``[first, last)`` of the genome that was predicted, 0-based.
    number : int
        Line of the file.
    """

    contig: str
    strand: str
    position: int
    score: float
    first: int
    last: int
    number: int


class _Stretch(NamedTuple):
    contig: str
    strand: str
    first: int
    last: int
    relative: bool


def read_rows(path: Path) -> Iterator[Row]:
    """Rows of ``donor_predictions.bed`` or ``acceptor_predictions.bed``, plain or gzip.

    Raises
    ------
    InputError
        Naming the line that holds something else.
    """
    lines = TextLines(path)
    for number, line in lines:
        fields = line.split("\t")
        if len(fields) not in (6, 7) or (len(fields) == 7 and fields[6] != _RELATIVE):
            raise lines.error(number, "chrom, start, end, NAME_Donor or NAME_Acceptor, score and strand", line)
        stretch = _stretch(fields[0], fields[3], fields[5], len(fields) == 7)
        start, end, score = _signed(fields[1]), _signed(fields[2]), decimal_number(fields[4])
        if stretch is None or start is None or end is None or score is None or not -8 <= end - start <= 2:
            raise lines.error(
                number, "a name with _Donor or _Acceptor, whole numbers 1 or 2 apart, a score and a strand", line
            )
        index = _index(start, end, stretch)
        yield Row(stretch.contig, stretch.strand, index, score, stretch.first, stretch.last, number)


def _index(start: int, end: int, stretch: _Stretch) -> int:
    """The position of a row on the genome, 0-based."""
    first = start if start < end else end  # one version wrote the ends of donors before their starts
    if stretch.relative:
        sense = start
        return stretch.first + sense if stretch.strand == "+" else stretch.last - 1 - sense
    return first if stretch.strand == "+" else max(start, end) - 1


@lru_cache(maxsize=4096)
def _stretch(chrom: str, name: str, strand: str, relative: bool) -> _Stretch | None:  # noqa: FBT001
    label = _LABEL.search(name)
    if label is None or strand not in ("+", "-"):
        return None
    header = _HEADER.fullmatch(name[: label.start()])
    if header is None:
        contig = chrom.split()[0].removesuffix(":+") if chrom.strip() else ""
        return _Stretch(contig, strand, 0, _NO_END, relative=False) if contig and strand == "+" else None
    first, last = int(header["first"]) - 1, int(header["last"])
    own = strand if header["strand"] == "." else header["strand"]
    if not 0 <= first < last <= _NO_END or (not relative and own != strand):
        return None
    return _Stretch(header["contig"], own, first, last, relative)


def _signed(text: str) -> int | None:
    number = whole_number(text.removeprefix("-"))
    return None if number is None else -number if text.startswith("-") else number
