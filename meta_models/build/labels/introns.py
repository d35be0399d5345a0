"""Introns of transcripts, and what stands at their ends in the genome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.int64]
Codes = NDArray[np.uint8]

#: Bases that are fetched at a time where single bases are looked up.
WINDOW = 2**18
_N = 4
_COMPLEMENT = np.array([3, 2, 1, 0, _N], np.uint8)
#: First and second base of an intron, and its last two, that the spliceosomes cut at.
CANONICAL = ("GT-AG", "GC-AG", "AT-AC")
_LETTERS = "ACGTN"


class Bases(Protocol):
    """A genome: the codes (A 0, C 1, G 2, T 3, N 4) of a half-open range, N outside the contig."""

    def fetch(self, contig: str, start0: int, end0: int) -> Codes:
        """Codes of the bases from `start0` up to `end0`, 0-based."""


class HasExons(Protocol):
    """A transcript."""

    @property
    def exons(self) -> Positions:
        """First and last bases of the exons, (n, 2), in ascending order."""


@dataclass(frozen=True)
class Introns:
    """Introns of one strand of one contig, 1-based on the forward strand.

    Attributes
    ----------
    donor, acceptor : ndarray of int64 (n,)
        Last base of the exon before the intron, first base of the exon after it, in the direction of transcription.
    gene : ndarray of int64 (n,)
        Number of the gene that each belongs to.
    """

    donor: Positions
    acceptor: Positions
    gene: Positions

    def __len__(self) -> int:
        return len(self.donor)

    def where(self, chosen: NDArray[np.bool_]) -> Introns:
        """Those that are `chosen`, bool (n,)."""
        return Introns(self.donor[chosen], self.acceptor[chosen], self.gene[chosen])


def introns_of(transcripts: Iterable[tuple[int, HasExons]], strand: str, min_intron: int) -> tuple[Introns, int]:
    """Distinct introns between consecutive exons, and how many gaps are shorter than `min_intron` bases.

    Such gaps mend the frame or the assembly; nothing is spliced there.

    Parameters
    ----------
    transcripts : iterable of (int, Transcript)
        With the number of the gene of each.
    """
    gaps = [_gaps(number, transcript.exons) for number, transcript in transcripts]
    rows = np.unique(np.concatenate([np.empty((0, 3), np.int64), *gaps]), axis=0)
    long = rows[:, 1] - rows[:, 0] - 1 >= min_intron
    low, high, gene = rows[long].T
    donor, acceptor = (low, high) if strand == "+" else (high, low)
    return Introns(donor, acceptor, gene), int((~long).sum())


def _gaps(number: int, exons: Positions) -> Positions:
    return np.column_stack([exons[:-1, 1], exons[1:, 0], np.full(len(exons) - 1, number)])


def motifs(introns: Introns, bases: Bases, chrom: str, strand: str) -> NDArray[np.str_]:
    """The ends of each intron in the sense direction, such as ``GT-AG``, str (n,); N stays N."""
    step = 1 if strand == "+" else -1
    places = [introns.donor + step, introns.donor + 2 * step, introns.acceptor - 2 * step, introns.acceptor - step]
    codes = bases_at(bases, chrom, np.concatenate(places) - 1).reshape(4, -1)
    letters = np.array(list(_LETTERS))[codes if strand == "+" else _COMPLEMENT[codes]]
    ends: NDArray[np.str_] = np.array([f"{a}{b}-{c}{d}" for a, b, c, d in letters.T.tolist()], "<U5")
    return ends


def bases_at(bases: Bases, chrom: str, positions: Positions) -> Codes:
    """Codes of single bases of a contig, uint8 (n,), for 0-based `positions` in any order."""
    found = np.empty(len(positions), np.uint8)
    order = np.argsort(positions, kind="stable")
    for rows in _in_windows(positions[order]):
        at = positions[order[rows]]
        first = int(at[0])
        found[order[rows]] = bases.fetch(chrom, first, int(at[-1]) + 1)[at - first]
    return found


def _in_windows(positions: Positions) -> Iterator[slice]:
    """Slices of sorted positions that lie in one window each."""
    cuts = np.flatnonzero(np.diff(positions // WINDOW)) + 1
    bounds = [0, *cuts.tolist(), len(positions)]
    yield from (slice(a, b) for a, b in pairwise(bounds) if b > a)
