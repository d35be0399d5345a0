"""Labels of every base of a gene, from the introns of all genes on its strand.

For consecutive exons the donor is the last base of the first one and the acceptor the first base of the next one, in
the direction of transcription. Ends of transcripts are no sites. Genes that overlap on one strand share their sites;
each base is counted for one of them: for the first gene that makes it a site, or else the first gene that covers it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from meta_models.build.annotation import GeneModel
from meta_models.build.labels.introns import CANONICAL, Bases, Introns, Positions, introns_of, motifs
from meta_models.build.labels.selection import SelectedGene
from meta_models.errors import InputError
from meta_models.schema import MASKED, SpliceClass

#: Least share of introns that begin with GT or GC and end with AG; real annotations have over 98 %.
LEAST_CONSENSUS = 0.9
_FEW_INTRONS = 20
_CONSENSUS = ("GT-AG", "GC-AG")
Strand = tuple[str, str]


@dataclass(frozen=True)
class LabelRules:
    """How introns become labels.

    Attributes
    ----------
    min_intron : int
        Gaps between exons of fewer bases are no introns.
    other_sites : {'mask', 'neither'}
        What sites are that only transcripts have which are not used.
    noncanonical : {'keep', 'drop-gene', 'mask'}
        What is done with introns that are not GT-AG, GC-AG or AT-AC.
    """

    min_intron: int = 20
    other_sites: Literal["mask", "neither"] = "mask"
    noncanonical: Literal["keep", "drop-gene", "mask"] = "keep"


@dataclass(frozen=True)
class GeneLabels:
    """Labels of one gene in the sense direction.

    Attributes
    ----------
    labels : ndarray of uint8 (length,)
        :class:`~meta_models.schema.SpliceClass` of each base, or ``MASKED`` where none is known.
    elsewhere : ndarray of bool (length,)
        Bases that count for another gene of the same strand.
    """

    labels: NDArray[np.uint8]
    elsewhere: NDArray[np.bool_]


@dataclass(frozen=True)
class _Sites:
    """What is known of one strand of one contig; positions sorted, 1-based on the forward strand.

    Attributes
    ----------
    position, label, owner : ndarray (n,)
        Sites and masked bases; `owner` is the number of the first gene that makes a site, -1 for masked ones.
    """

    position: Positions
    label: NDArray[np.uint8]
    owner: Positions

    def within(self, start: int, end: int) -> slice:
        """The sites from `start` to `end`, both inclusive."""
        low, high = np.searchsorted(self.position, [start, end + 1])
        return slice(int(low), int(high))


class Labeller:
    """Labels of the genes of an annotation.

    Parameters
    ----------
    genes : sequence of SelectedGene
        All genes that the annotation has, whether or not they will be built.
    rules : LabelRules
        How introns become labels.
    bases : Bases
        The genome.

    Attributes
    ----------
    genes : tuple of GeneModel
        Those that can be built, sorted by contig name, start, end and id.
    counts : Counter of str
        How often each rule changed something.
    motifs : Counter of str
        Distinct introns that are used, by their first and last two bases.
    """

    def __init__(self, genes: Sequence[SelectedGene], rules: LabelRules, bases: Bases) -> None:
        self.counts: Counter[str] = Counter()
        self.motifs: Counter[str] = Counter()
        self._rules, self._bases = rules, bases
        self._sites: dict[Strand, _Sites] = {}
        self._covered: dict[str, tuple[int, int]] = {}
        kept: list[GeneModel] = []
        for strand, on_strand in groupby(sorted(genes, key=_strand), key=_strand):
            kept += self._strand(strand, sorted(on_strand, key=lambda gene: _order(gene.model)))
        self.genes = tuple(sorted(kept, key=lambda gene: (gene.chrom, *_order(gene))))

    def __call__(self, gene: GeneModel) -> GeneLabels:
        """The labels of one of the `genes`."""
        number, covered_to = self._covered[gene.gene_id]
        labels, elsewhere = np.zeros(len(gene), np.uint8), np.zeros(len(gene), bool)
        elsewhere[: max(0, covered_to - gene.start + 1)] = True
        sites = self._sites[gene.chrom, gene.strand]
        rows = sites.within(gene.start, gene.end)
        at = sites.position[rows] - gene.start
        labels[at] = sites.label[rows]
        made = sites.owner[rows] >= 0
        elsewhere[at[made]] = sites.owner[rows][made] != number
        step = 1 if gene.strand == "+" else -1
        return GeneLabels(labels[::step].copy(), elsewhere[::step].copy())

    def _strand(self, strand: Strand, genes: list[SelectedGene]) -> list[GeneModel]:
        """Take in one strand of a contig; those of its genes that can be built."""
        used = self._introns(strand, genes, used=True)
        others = self._introns(strand, genes, used=False)
        ends = motifs(used, self._bases, *strand)
        self._count_motifs(used, ends)
        plain = np.isin(ends, CANONICAL)
        dropped = set(used.gene[~plain].tolist()) if self._rules.noncanonical == "drop-gene" else set()
        self.counts["genes dropped: non-canonical intron"] += len(dropped)
        unused = np.isin(used.gene, sorted(dropped))
        not_told = unused | (~plain if self._rules.noncanonical == "mask" else False)
        self._sites[strand] = self._make_sites(used.where(~not_told), used.where(not_told), others)
        kept = [(k, gene.model) for k, gene in enumerate(genes) if gene.built and k not in dropped]
        self._find_overlaps(kept)
        return [model for _, model in kept]

    def _introns(self, strand: Strand, genes: list[SelectedGene], *, used: bool) -> Introns:
        transcripts = ((k, t) for k, gene in enumerate(genes) for t in (gene.used if used else gene.others))
        introns, short = introns_of(transcripts, strand[1], self._rules.min_intron)
        if used:
            self.counts[f"gaps shorter than {self._rules.min_intron} bases, no introns"] += short
        return introns

    def _count_motifs(self, introns: Introns, ends: NDArray[np.str_]) -> None:
        _, distinct = np.unique(np.column_stack([introns.donor, introns.acceptor]), axis=0, return_index=True)
        found = Counter(ends[distinct].tolist())
        self.motifs += found
        self.counts["introns with N at an end"] += sum(n for motif, n in found.items() if "N" in motif)
        self.counts["non-canonical introns"] += sum(n for motif, n in found.items() if motif not in CANONICAL)

    def _make_sites(self, told: Introns, not_told: Introns, others: Introns) -> _Sites:
        """Sites and masked bases of a strand."""
        donors, acceptors = _owners(told.donor, told.gene), _owners(told.acceptor, told.gene)
        both = donors.keys() & acceptors.keys()
        self.counts["bases both donor and acceptor, masked"] += len(both)
        known = {**_labelled(donors, SpliceClass.DONOR), **_labelled(acceptors, SpliceClass.ACCEPTOR)}
        noncanonical = _ends(not_told) - known.keys()
        unused = _ends(others) - known.keys() - noncanonical
        self.counts["sites of non-canonical introns, masked"] += len(noncanonical)
        self.counts[f"sites of transcripts not used: {self._rules.other_sites}"] += len(unused)
        masked = both | noncanonical | (unused if self._rules.other_sites == "mask" else set())
        known.update(dict.fromkeys(masked, (MASKED, -1)))
        position = np.array(sorted(known), np.int64)
        label, owner = np.array([known[p] for p in position.tolist()], np.int64).reshape(-1, 2).T
        return _Sites(position, label.astype(np.uint8), owner)

    def _find_overlaps(self, genes: Sequence[tuple[int, GeneModel]]) -> None:
        """How far earlier genes cover each gene, which are sorted by start."""
        reach = 0
        for number, gene in genes:
            self._covered[gene.gene_id] = number, min(reach, gene.end)
            self.counts["genes that overlap an earlier one on their strand"] += reach >= gene.start
            reach = max(reach, gene.end)


def require_consensus(counts: Mapping[str, int]) -> None:
    """Refuse introns that do not begin and end as introns do.

    Parameters
    ----------
    counts : mapping of str to int
        Introns by their ends, such as ``GT-AG``.

    Raises
    ------
    InputError
        If under 90 % are GT-AG or GC-AG: another assembly, or another strand.
    """
    total = sum(counts.values())
    share = sum(counts.get(motif, 0) for motif in _CONSENSUS) / max(total, 1)
    if total < _FEW_INTRONS or share >= LEAST_CONSENSUS:
        return
    common = ", ".join(f"{motif} {n / total:.2f}" for motif, n in Counter(counts).most_common(4))
    raise InputError(
        f"At least {LEAST_CONSENSUS:.0%} of the introns must be GT-AG or GC-AG",
        f"{share:.1%} of {total:,} are; most common: {common}",
        "Is the annotation of the same assembly as the genome, and are its strands right?",
    )


def _strand(gene: SelectedGene) -> Strand:
    return gene.model.chrom, gene.model.strand


def _order(gene: GeneModel) -> tuple[int, int, str]:
    return gene.start, gene.end, gene.gene_id


def _owners(positions: Positions, genes: Positions) -> dict[int, int]:
    """The first gene of each position."""
    order = np.lexsort([genes, positions])
    found, first = np.unique(positions[order], return_index=True)
    return dict(zip(found.tolist(), genes[order][first].tolist(), strict=True))


def _labelled(owners: Mapping[int, int], label: SpliceClass) -> dict[int, tuple[int, int]]:
    return {position: (int(label), owner) for position, owner in owners.items()}


def _ends(introns: Introns) -> set[int]:
    return {*introns.donor.tolist(), *introns.acceptor.tolist()}
