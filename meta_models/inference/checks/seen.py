"""Which rows of a table, or positions of a genome, a model was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.dataset.genes.loci import Locus
from meta_models.dataset.info import DatasetInfo
from meta_models.model import ModelInfo
from meta_models.model.origin import STARTED_FROM, assembly_of, joined_loci, loci_elsewhere
from meta_models.names import chromosome_keys, gene_key_set, gene_keys, strand_keys
from meta_models.schema import CHROM, FAMILY, GENE, GENOMIC_POSITION, STRAND

SEEN = "seen_in_training"
Bounds = tuple[NDArray[np.int64], NDArray[np.int64]]


class SeenRows:
    """Genes, families and positions that `model` was trained on, and what is known of the genome of `table`."""

    def __init__(self, model: ModelInfo, table: DatasetInfo) -> None:
        self._model, self._table = model, table

    def of(self, chunk: pl.DataFrame) -> pl.Series:
        """For each row (n,) whether its gene, its family or its position was trained on.

        Null where the position lies in a gene that was trained on, and it is not known whether the genome is the same:
        contigs of the same name are the same where their lengths are, or where both sides name the same assembly. Of a
        model that went on from another one it is not known which of the two a stretch is of.
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

    @cached_property
    def _stretches(self) -> Mapping[str, Mapping[str, Bounds]]:
        """First and last positions, in order, by chromosome and strand; without chromosomes of another genome."""
        found: dict[str, dict[str, list[Locus]]] = {}
        for locus in sorted(map(Locus.parse, self._loci)):
            if self._same(locus.chrom) is not False:
                found.setdefault(locus.chrom, {}).setdefault(locus.strand, []).append(locus)
        return {chrom: {strand: _bounds(loci) for strand, loci in of.items()} for chrom, of in found.items()}

    @cached_property
    def _loci(self) -> tuple[str, ...]:
        """Stretches that the model or one that it went on from was trained on."""
        elsewhere = loci_elsewhere(self._model).values()
        return joined_loci([*self._model.loci, *(locus for loci in elsewhere for locus in loci)])

    def _same(self, chrom: str) -> bool | None:
        """Whether a chromosome is the one that the model knows by that name; None where that is not known."""
        if STARTED_FROM in self._model.provenance:
            return None
        facts = self._model.provenance.get("dataset")
        lengths = facts.get("contigs") if isinstance(facts, Mapping) else None
        theirs = lengths.get(chrom) if isinstance(lengths, Mapping) else None
        ours = self._table.contigs.get(chrom)
        if theirs is not None and ours is not None:
            return bool(theirs == ours)
        assembly = assembly_of(self._model)
        return None if assembly is None or self._table.assembly is None else assembly == self._table.assembly

    def _positions(self, chunk: pl.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Rows (n,) that lie in what was trained on, and those of which that is not known."""
        inside, unsure = np.zeros(chunk.height, bool), np.zeros(chunk.height, bool)
        if not self._loci or not {CHROM, GENOMIC_POSITION} <= {*chunk.columns}:
            return inside, unsure
        chroms, strands = chromosome_keys(chunk[CHROM]), _strands(chunk)
        places = chunk[GENOMIC_POSITION].cast(pl.Int64).fill_null(-1).to_numpy()
        for chrom in chroms.drop_nulls().unique():
            for strand, bounds in self._stretches.get(chrom, {}).items():
                there = (chroms == chrom) & ((strands == strand) | (strands == ""))
                rows = np.flatnonzero(there.fill_null(value=False))
                (unsure if self._same(chrom) is None else inside)[rows[_within(places[rows], bounds)]] = True
        return inside, unsure


def _strands(chunk: pl.DataFrame) -> pl.Series:
    """Strand of each row; empty where it is not known."""
    known = strand_keys(chunk[STRAND]) if STRAND in chunk.columns else pl.Series([None] * chunk.height, dtype=pl.String)
    return known.fill_null("")


def _bounds(loci: list[Locus]) -> Bounds:
    return np.array([locus.start for locus in loci]), np.array([locus.end for locus in loci])


def _within(places: NDArray[np.int64], bounds: Bounds) -> NDArray[np.bool_]:
    """Whether each place lies in one of some stretches that do not overlap."""
    starts, ends = bounds
    before = np.searchsorted(starts, places, side="right") - 1
    return (before >= 0) & (places <= ends[before])
