"""The lines of a GTF or GFF3 file, plain or gzip."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from meta_models.build.inputs.text_lines import TextLines
from meta_models.errors import InputError

_COLUMNS = 9
#: Lines that genome browsers put before the features.
_BROWSER = ("track ", "browser ")
#: No contig is longer; larger numbers are no coordinates.
_LARGEST = 2**40
#: Features below transcripts that tell nothing about introns that exons do not tell.
_PASSED_OVER = frozenset(
    {
        "start_codon", "stop_codon", "UTR", "5UTR", "3UTR", "five_prime_utr", "three_prime_utr", "five_prime_UTR",
        "three_prime_UTR", "intron", "inter", "inter_CNS", "intron_CNS", "Selenocysteine",
        "protein", "polypeptide",
    }
)  # fmt: skip


class Line(NamedTuple):
    """One feature; coordinates 1-based, inclusive."""

    number: int
    chrom: str
    feature: str
    start: int
    end: int
    strand: str
    attributes: str


def feature_lines(path: Path, passed_over: Counter[str]) -> Iterator[Line]:
    """The features of a file up to a sequence (``##FASTA``); those that tell nothing here are counted in `passed_over`.

    Raises
    ------
    InputError
        If the file cannot be read, or a line has other than nine columns, or coordinates or a strand that are none.
    """
    for number, text in TextLines(path):
        if text[0] == ">":
            return
        if text.startswith(_BROWSER):
            continue
        columns = text.split("\t")
        if len(columns) != _COLUMNS:
            raise bad_line(path, number, "nine columns, tabs between them", f"{len(columns)}")
        chrom, _, feature, start, end, _, strand, _, attributes = columns
        if feature in _PASSED_OVER:
            passed_over[feature] += 1
            continue
        yield Line(number, chrom, feature, *_span(path, number, start, end), _strand(path, number, strand), attributes)


def bad_line(path: Path, number: int, expected: str, found: str) -> InputError:
    """The error of one line."""
    return InputError(f"Line {number} of {path} must have {expected}", f"Found {found}", "Correct or remove it")


def _span(path: Path, number: int, start: str, end: str) -> tuple[int, int]:
    whole = start.isdigit() and end.isdigit() and start.isascii() and end.isascii() and len(start) + len(end) <= 26
    if not whole or not 1 <= int(start) <= int(end) < _LARGEST:
        raise bad_line(
            path, number, "a first base of 1 or more and a last base not before it", f"{start!r} and {end!r}"
        )
    return int(start), int(end)


def _strand(path: Path, number: int, strand: str) -> str:
    if strand not in {"+", "-", ".", "?"}:
        raise bad_line(path, number, "a strand of +, -, . or ?", repr(strand))
    return strand
