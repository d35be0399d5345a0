"""Where genes lie: spans of the genome by chromosome and strand, and which of them overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

import polars as pl

from meta_models.names import chromosome_keys, strand_keys
from meta_models.schema import CHROM, GENOMIC_POSITION, STRAND

_GENE = "gene"


@dataclass(frozen=True, order=True)
class Locus:
    """A stretch of a strand, `start` and `end` inclusive; ``"1:+:1000-2000"`` as text."""

    chrom: str
    strand: str
    start: int
    end: int

    @classmethod
    def parse(cls, text: str) -> Locus:
        """The locus that ``str`` gave; raises ValueError for any other text."""
        chrom, strand, span = text.rsplit(":", 2)
        start, _, end = span[1:].partition("-")  # from the second character: a position may be negative
        start = span[0] + start
        return cls(chrom, strand, int(start), int(end))

    def __str__(self) -> str:
        return f"{self.chrom}:{self.strand}:{self.start}-{self.end}"


def spans(frame: pl.DataFrame, genes: pl.Series) -> list[tuple[Locus, int]]:
    """From the first to the last row of each gene on each chromosome and strand, sorted.

    Rows without chromosome or genomic position are nowhere. Where the strand is not known, a gene is on both: it is
    unknown on which one it shares positions.

    Parameters
    ----------
    frame : polars.DataFrame (n_rows, ...)
        With ``chrom``, ``genomic_position`` and ``strand`` where they are known.
    genes : polars.Series of int (n_rows,)
        Code of each row's gene.

    Returns
    -------
    list of (Locus, int)
        With the code of the gene.
    """
    if not {CHROM, GENOMIC_POSITION} <= set(frame.columns):
        return []
    strand = pl.col(STRAND) if STRAND in frame.columns else pl.lit(None, pl.String).alias(STRAND)
    rows = frame.select(CHROM, strand, GENOMIC_POSITION).with_columns(genes.alias(_GENE))
    of_gene = rows.drop_nulls([CHROM, GENOMIC_POSITION]).group_by(_GENE, CHROM, STRAND)
    ends = of_gene.agg(start=pl.col(GENOMIC_POSITION).min(), end=pl.col(GENOMIC_POSITION).max())
    ends = ends.with_columns(chromosome_keys(ends[CHROM]), strand_keys(ends[STRAND]).fill_null("+-"))
    return sorted(
        (Locus(chrom, strand, start, end), gene)
        for gene, chrom, strands, start, end in ends.select(_GENE, CHROM, STRAND, "start", "end").iter_rows()
        for strand in strands
    )


def overlapping(placed: Sequence[tuple[Locus, int]]) -> list[tuple[int, int]]:
    """Pairs of different genes of the sorted `placed` that overlap: enough of them to hang all together that do."""
    pairs = []
    for _, strand in groupby(placed, key=lambda item: (item[0].chrom, item[0].strand)):
        reach, holder = None, -1
        for locus, gene in strand:
            if reach is not None and locus.start <= reach and gene != holder:
                pairs.append((holder, gene))
            if reach is None or locus.end > reach:
                reach, holder = locus.end, gene
    return pairs


def merged(placed: Iterable[tuple[Locus, int]]) -> tuple[str, ...]:
    """The stretches that the sorted `placed` cover, as sorted text."""
    stretches: list[Locus] = []
    for locus, _ in placed:
        last = stretches[-1] if stretches else None
        if last and (last.chrom, last.strand) == (locus.chrom, locus.strand) and locus.start <= last.end:
            stretches[-1] = Locus(last.chrom, last.strand, last.start, max(last.end, locus.end))
        else:
            stretches.append(locus)
    return tuple(sorted(map(str, stretches)))


def genes_within(placed: Iterable[tuple[Locus, int]], loci: Iterable[str]) -> set[int]:
    """Codes of the genes of `placed` that overlap one of `loci`, which do not overlap one another."""
    strands: dict[tuple[str, str], list[Locus]] = {}
    for locus in sorted(map(Locus.parse, loci)):
        strands.setdefault((locus.chrom, locus.strand), []).append(locus)
    found = set()
    for locus, gene in placed:
        known = strands.get((locus.chrom, locus.strand), [])
        before = bisect_right(known, locus.end, key=lambda other: other.start)
        if before and known[before - 1].end >= locus.start:
            found.add(gene)
    return found
