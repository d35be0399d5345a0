"""Which rows of a table, or positions of a genome, a model was trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.genome import Genome
from meta_models.dataset.genes.loci import Locus
from meta_models.model import ModelInfo
from meta_models.model.origin import stretches_of
from meta_models.names import chromosome_keys, gene_key_set, gene_keys, strand_keys
from meta_models.schema import CHROM, FAMILY, GENE, GENOMIC_POSITION, STRAND

SEEN = "seen_in_training"
Bounds = tuple[NDArray[np.int64], NDArray[np.int64]]


class SeenRows:
    """Genes, families and positions that `model` was trained on, beside a table of positions of `genome`."""

    def __init__(self, model: ModelInfo, genome: Genome) -> None:
        self._model, self._genome = model, genome

    def of(self, chunk: pl.DataFrame) -> pl.Series:
        """For each row (n,) whether its gene, its family or its position was trained on.

        Null where the position lies in a gene that was trained on, and it is not known whether the genome is the same
        (:meth:`Genome.same <meta_models.dataset.genes.genome.Genome.same>`).
        """
        seen = gene_keys(chunk[GENE]).is_in(self._genes).fill_null(value=False)
        if FAMILY in chunk.columns and self._model.families:
            seen = seen | chunk[FAMILY].is_in(list(self._model.families)).fill_null(value=False)
        inside, unsure = self._positions(chunk)
        known = seen | pl.Series(inside)
        return known.set(pl.Series(unsure) & ~known, None).alias(SEEN)

    @cached_property
    def _genes(self) -> list[str]:
        """Normal forms of the ids of the genes."""
        return sorted(gene_key_set(self._model.genes))

    def _positions(self, chunk: pl.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows (n,) that lie in what was trained on, and those of which that is not known."""
        inside, unsure = np.zeros(chunk.height, bool), np.zeros(chunk.height, bool)
        if not {CHROM, GENOMIC_POSITION} <= {*chunk.columns}:
            return inside, unsure
        chroms, strands = chromosome_keys(chunk[CHROM]), _strands(chunk)
        places = chunk[GENOMIC_POSITION].cast(pl.Int64).fill_null(-1).to_numpy()
        for genome, chrom, strand, bounds in self._bounds_on(set(chroms.drop_nulls())):
            there = (chroms == chrom) & ((strands == strand) | (strands == ""))
            rows = np.flatnonzero(there.fill_null(value=False))
            known = inside if genome.same(self._genome, chrom) else unsure
            known[rows[_within(places[rows], bounds)]] = True
        return inside, unsure

    def _bounds_on(self, chroms: set[str]) -> Iterator[tuple[Genome, str, str, Bounds]]:
        """Stretches on chromosomes, by the genome that they are of, chromosome and strand."""
        for genome, strands in self._stretches:
            yield from ((genome, chrom, strand, b) for (chrom, strand), b in strands.items() if chrom in chroms)

    @cached_property
    def _stretches(self) -> list[tuple[Genome, dict[tuple[str, str], Bounds]]]:
        """First and last positions, in order, by chromosome and strand; without chromosomes of another genome."""
        return [
            (stretches.genome, _by_strand(stretches.maybe_in(self._genome))) for stretches in stretches_of(self._model)
        ]


def _strands(chunk: pl.DataFrame) -> pl.Series:
    """Strand of each row; empty where it is not known."""
    known = strand_keys(chunk[STRAND]) if STRAND in chunk.columns else pl.Series([None] * chunk.height, dtype=pl.String)
    return known.fill_null("")


def _by_strand(loci: Iterable[str]) -> dict[tuple[str, str], Bounds]:
    found: dict[tuple[str, str], list[Locus]] = {}
    for locus in sorted(map(Locus.parse, loci)):
        found.setdefault((locus.chrom, locus.strand), []).append(locus)
    return {strand: _bounds(there) for strand, there in found.items()}


def _bounds(loci: list[Locus]) -> Bounds:
    return np.array([locus.start for locus in loci]), np.array([locus.end for locus in loci])


def _within(places: NDArray[np.int64], bounds: Bounds) -> NDArray[np.bool_]:
    """Whether each place lies in one of some stretches that do not overlap."""
    starts, ends = bounds
    before = np.searchsorted(starts, places, side="right") - 1
    return (before >= 0) & (places <= ends[before])
