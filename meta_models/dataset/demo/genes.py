"""Simulated genes: exons and introns with real-looking splice signals, look-alike sites and families of copies.

A gene depends on ``(seed, index)`` only, so tables that share neither a seed nor an index share no gene. Genes come in
neighbourhoods of four on one chromosome; in two of three neighbourhoods the last genes are mutated copies of an earlier
one (tandem paralogues). A copy carries the family of its founder.

Not simulated: untranslated regions, alternative isoforms other than unannotated exons, U12 introns, long introns.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.demo import motifs
from meta_models.dataset.demo.motifs import Codes, Floats
from meta_models.schema import SpliceClass

NEIGHBOURHOOD = 4  # genes that lie together; families never leave it
N_CHROMS = 10
ALL_CHROMS = tuple(f"chr{number}" for number in range(1, N_CHROMS + 1))
FLANK = 125  # bases of sequence known on each side of a gene
GENE_LENGTH = (2_000, 20_000)
GENE_SPACING = 50_000

WEAK_SITES, WEAK_POWER = 0.12, 0.45  # share of sites with a weak motif, and how weak
DECOY_SPACING, DECOY_POWER = 300, 0.75  # intron bases for each look-alike donor (and acceptor)
REPEAT_SPACING, REPEAT_LENGTH = 1_200, (20, 70)
EXON_WORD_SPACING, INTRON_WORD_SPACING = 22, 60
UNANNOTATED_EXONS = 0.04  # for each exon: complete signals in an intron, labelled neither
SITE_GUARD = 60  # bases around a true site without decoys or repeats
NONCODING_SHARE = 0.15
CPG_LOSS = 0.7
MUTATION_RATE = 0.08  # of a paralogue


@dataclass(frozen=True)
class Gene:
    """One gene, on its sense strand.

    Attributes
    ----------
    sequence : ndarray of uint8 (length + 2 * FLANK,)
        Base codes of the gene and its flanks.
    labels : ndarray of uint8 (length,)
        :class:`SpliceClass` of each position: a donor is the last base of an exon, an acceptor the first of one.
    start : int
        First base of the gene span on the forward strand, 1-based.
    """

    index: int
    gene_id: str
    family: str
    gene_type: str
    chrom: str
    strand: str
    start: int
    sequence: Codes
    labels: Codes

    @property
    def length(self) -> int:
        """Bases of the gene, flanks not counted."""
        return len(self.labels)


@dataclass(frozen=True)
class _Layout:
    """Where exons lie in a sequence with flanks: first and last base of each, in order."""

    first: NDArray[np.int64]
    last: NDArray[np.int64]
    total: int

    @property
    def donors(self) -> NDArray[np.int64]:
        """Last base of each exon but the last one."""
        return self.last[:-1]

    @property
    def acceptors(self) -> NDArray[np.int64]:
        """First base of each exon but the first one."""
        return self.first[1:]


def make_gene(seed: int, index: int) -> Gene:
    """Gene number `index` of the collection `seed`."""
    founder = _founder(index)
    gene = _simulate(seed, founder)
    if founder == index:
        return gene
    copied = _mutate(gene, np.random.default_rng([seed, index, 1]))
    return replace(copied, index=index, gene_id=_name("G", seed, index), start=_start(seed, index))


def _founder(index: int) -> int:
    """The gene of which `index` is a copy, or `index` itself."""
    block, place = divmod(index, NEIGHBOURHOOD)
    copies = block % 3  # of the last genes in the neighbourhood
    return index if place < NEIGHBOURHOOD - copies else (block + 1) * NEIGHBOURHOOD - copies - 1


def _name(kind: str, seed: int, index: int) -> str:
    return f"DEMO{kind}{seed:03d}{index:06d}"


def _start(seed: int, index: int) -> int:
    block, place = divmod(index, NEIGHBOURHOOD)
    slot = (block // N_CHROMS) * NEIGHBOURHOOD + place
    return 100_001 + slot * GENE_SPACING + int(np.random.default_rng([seed, index, 2]).integers(GENE_SPACING // 2))


def _simulate(seed: int, index: int) -> Gene:
    rng = np.random.default_rng([seed, index, 0])
    coding = bool(rng.random() >= NONCODING_SHARE)
    strand = "+-"[rng.integers(2)]
    layout = _layout(rng)
    sequence = _sequence(rng, layout, coding=coding)
    labels = np.zeros(layout.total - 2 * FLANK, np.uint8)
    labels[layout.donors - FLANK] = SpliceClass.DONOR
    labels[layout.acceptors - FLANK] = SpliceClass.ACCEPTOR
    return Gene(
        index=index,
        gene_id=_name("G", seed, index),
        family=_name("F", seed, index),
        gene_type="protein_coding" if coding else "lncRNA",
        chrom=f"chr{index // NEIGHBOURHOOD % N_CHROMS + 1}",
        strand=strand,
        start=_start(seed, index),
        sequence=sequence,
        labels=labels,
    )


def _layout(rng: np.random.Generator) -> _Layout:
    """Exons and introns with the published lengths, drawn anew until the gene has an allowed length."""
    while True:
        count = int(motifs.EXON_COUNT.draw(rng, 1)[0])
        lengths = np.empty(2 * count - 1, np.int64)
        lengths[::2] = motifs.EXON_LENGTH.draw(rng, count)
        lengths[1::2] = motifs.INTRON_LENGTH.draw(rng, count - 1)
        if GENE_LENGTH[0] <= lengths.sum() <= GENE_LENGTH[1]:
            ends = FLANK + lengths.cumsum()
            return _Layout(ends[::2] - lengths[::2], ends[::2] - 1, int(lengths.sum()) + 2 * FLANK)


def _sequence(rng: np.random.Generator, layout: _Layout, *, coding: bool) -> Codes:
    """The bases of a gene and its flanks; later steps overwrite earlier ones, true sites come last."""
    gc = float(np.clip(rng.normal(0.44, 0.06), 0.30, 0.60))
    sequence = _background(rng, layout.total, gc)
    free = _intron_mask(layout)
    _put_words(rng, sequence, free, motifs.INTRON_WORDS, INTRON_WORD_SPACING)
    _put_repeats(rng, sequence, free)
    _put_decoys(rng, sequence, free)
    for first, last in zip(layout.first.tolist(), layout.last.tolist(), strict=True):
        sequence[first : last + 1] = _exon(rng, last + 1 - first, gc, coding=coding)
    _put_unannotated(rng, sequence, free, gc, len(layout.first), coding=coding)
    _put_sites(rng, sequence, layout.donors, layout.acceptors)
    return sequence


def _intron_mask(layout: _Layout) -> NDArray[np.bool_]:
    """Bases outside exons and away from sites, bool (total,)."""
    free = np.ones(layout.total, bool)
    for first, last in zip(layout.first, layout.last, strict=True):
        free[max(first - SITE_GUARD, 0) : last + SITE_GUARD + 1] = False
    return free


def _background(rng: np.random.Generator, length: int, gc: float) -> Codes:
    """Independent bases with a GC share that drifts along the sequence, and CpG mostly lost to TpG and CpA."""
    knots = np.arange(0, length + 500, 500)
    local = np.interp(np.arange(length), knots, gc + rng.normal(0, 0.05, len(knots)))
    strong = rng.random(length) < local
    other = rng.random(length)
    sequence = np.where(strong, np.where(other < 0.5, 1, 2), np.where(other < 0.47, 0, 3)).astype(np.uint8)
    cpg = np.flatnonzero((sequence[:-1] == 1) & (sequence[1:] == 2))
    cpg = cpg[rng.random(len(cpg)) < CPG_LOSS]
    to_tpg = rng.random(len(cpg)) < 0.5
    sequence[cpg[to_tpg]] = 3
    sequence[cpg[~to_tpg] + 1] = 0
    return sequence


def _exon(rng: np.random.Generator, length: int, gc: float, *, coding: bool) -> Codes:
    """Codons of the human usage in a random frame (or a GC-rich background), strewn with enhancer words."""
    if coding:
        drawn = rng.choice(len(motifs.CODONS), length // 3 + 2, p=motifs.CODON_USAGE / motifs.CODON_USAGE.sum())
        frame = int(rng.integers(3))
        bases = motifs.CODONS[drawn].ravel()[frame : frame + length].copy()
    else:
        bases = _background(rng, length, min(gc + 0.06, 0.6))
    _put_words(rng, bases, np.ones(length, bool), motifs.EXON_WORDS, EXON_WORD_SPACING)
    return bases


def _spots(rng: np.random.Generator, free: NDArray[np.bool_], spacing: int, room: int) -> NDArray[np.int64]:
    """Random free bases, about one in `spacing`, at least `room` bases from both ends of the sequence."""
    allowed = np.flatnonzero(free)
    allowed = allowed[(allowed >= room) & (allowed < len(free) - room)]
    if not len(allowed):
        return allowed
    return rng.choice(allowed, rng.poisson(len(allowed) / spacing))


def _put_words(
    rng: np.random.Generator, sequence: Codes, free: NDArray[np.bool_], words: tuple[Codes, ...], spacing: int
) -> None:
    for spot in _spots(rng, free, spacing, 6).tolist():
        word = words[rng.integers(len(words))]
        sequence[spot : spot + len(word)] = word


def _put_repeats(rng: np.random.Generator, sequence: Codes, free: NDArray[np.bool_]) -> None:
    """Low-complexity tracts of one unit each, a tenth of their bases substituted."""
    for spot in _spots(rng, free, REPEAT_SPACING, 0).tolist():
        length = min(int(rng.integers(*REPEAT_LENGTH)), len(sequence) - spot)
        tract = np.resize(motifs.REPEAT_UNITS[rng.integers(len(motifs.REPEAT_UNITS))], length)
        tract = np.where(rng.random(length) < 0.1, rng.integers(0, motifs.N_BASES, length), tract)
        target = slice(spot, spot + length)
        sequence[target] = np.where(free[target], tract, sequence[target])


def _put_decoys(rng: np.random.Generator, sequence: Codes, free: NDArray[np.bool_]) -> None:
    """Look-alike sites: the weakened motifs without branch site and exon."""
    width = len(motifs.ACCEPTOR)
    donors = _spots(rng, free, DECOY_SPACING, width)
    _put_motifs(rng, sequence, donors, motifs.DONOR, motifs.DONOR_EXON - 1, power=DECOY_POWER)
    acceptors = _spots(rng, free, DECOY_SPACING, width)
    _put_motifs(rng, sequence, acceptors, motifs.ACCEPTOR, motifs.ACCEPTOR_INTRON, power=DECOY_POWER)


def _put_unannotated(
    rng: np.random.Generator, sequence: Codes, free: NDArray[np.bool_], gc: float, exons: int, *, coding: bool
) -> None:
    """Exons with all their signals in the sequence that the annotation lacks: labelled neither."""
    lengths = motifs.EXON_LENGTH.draw(rng, int(rng.poisson(exons * UNANNOTATED_EXONS)))
    starts = np.flatnonzero(free)
    for length in lengths.tolist():
        inside = starts[(starts > FLANK) & (starts < len(free) - FLANK - length)]
        inside = inside[free[inside + length - 1]]
        if len(inside):
            first = rng.choice(inside, 1)
            sequence[int(first[0]) : int(first[0]) + length] = _exon(rng, length, gc, coding=coding)
            _put_sites(rng, sequence, first + length - 1, first)


def _put_sites(
    rng: np.random.Generator, sequence: Codes, donors: NDArray[np.int64], acceptors: NDArray[np.int64]
) -> None:
    """Site motifs over the ends of exons and a branch site before each acceptor; some motifs are weak."""
    sites = ((donors, motifs.DONOR, motifs.DONOR_EXON - 1), (acceptors, motifs.ACCEPTOR, motifs.ACCEPTOR_INTRON))
    for positions, shares, lead in sites:
        weak = rng.random(len(positions)) < WEAK_SITES
        _put_motifs(rng, sequence, positions[~weak], shares, lead)
        _put_motifs(rng, sequence, positions[weak], shares, lead, power=WEAK_POWER)
    distance = rng.integers(motifs.BRANCH_DISTANCE[0], motifs.BRANCH_DISTANCE[1] + 1, len(acceptors))
    lead = len(motifs.BRANCH) - 2
    _put_motifs(rng, sequence, np.maximum(acceptors - distance, lead), motifs.BRANCH, lead)


def _put_motifs(
    rng: np.random.Generator,
    sequence: Codes,
    positions: NDArray[np.int64],
    shares: Floats,
    lead: int,
    *,
    power: float = 1.0,
) -> None:
    """Overwrite `sequence` with words of a motif whose column `lead` falls on each position."""
    words = motifs.draw_motif(rng, motifs.temper(shares, power), len(positions))
    sequence[positions[:, None] - lead + np.arange(len(shares))] = words


def _mutate(gene: Gene, rng: np.random.Generator) -> Gene:
    """A copy with substituted bases; the dinucleotides of the true sites stay."""
    hit = rng.random(len(gene.sequence)) < MUTATION_RATE
    donors = np.flatnonzero(gene.labels == SpliceClass.DONOR) + FLANK
    acceptors = np.flatnonzero(gene.labels == SpliceClass.ACCEPTOR) + FLANK
    hit[np.concatenate([donors + 1, donors + 2, acceptors - 2, acceptors - 1])] = False
    shift = rng.integers(1, motifs.N_BASES, len(hit)).astype(np.uint8)
    return replace(gene, sequence=np.where(hit, (gene.sequence + shift) % motifs.N_BASES, gene.sequence))
