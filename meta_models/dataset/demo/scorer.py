"""Two simulated base models. They read the sequence, know the site motifs, and err in ways a meta-model can learn.

Both turn log odds of a donor and of an acceptor against *neither* into three probabilities per position.

The main one adds the content of the sequence on both sides (human codon usage against plain background) and what a
deep network reads from thousands of bases. The simulated sequences hold no such signal, so it is drawn: true sites are
raised by a random amount. Its errors:

- it ignores branch sites, the far half of the polypyrimidine tract and the enhancer words of exons;
- it overrates sites in AT-rich and in low-complexity sequence, and in the latter it smears peaks over the neighbours;
- its sharpness and its offset differ from gene to gene, and its noise is partly shared by positions some hundred bases
  apart;
- on the chromosomes it was trained on it remembers some of the sites.

The alternative one knows the whole acceptor motif and the branch site, but nothing of the content.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.demo import motifs
from meta_models.dataset.demo.genes import FLANK, Gene
from meta_models.dataset.demo.motifs import Codes, Floats
from meta_models.schema import SITE_CLASSES, SpliceClass

#: Chromosomes the main base model was "trained on".
TRAINED_CHROMS: tuple[str, ...] = ("chr2", "chr4", "chr6", "chr8", "chr10")

DECIMALS = 6  # of published scores
TRACT_KNOWN = 12  # intron bases of the acceptor motif that the main model reads
CONTENT_SPAN, CONTENT_SCALE, CONTENT_LIMIT = 75, 12.0, 5.0  # bases; natural-log units
LOCAL_SPAN = 151
NOISE_KNOT = 150  # bases between independent values of the shared noise
PRIOR = {SpliceClass.DONOR: -13.5, SpliceClass.ACCEPTOR: -13.5}
CONTENT_WEIGHT = 0.5
LONG_RANGE_MEAN, LONG_RANGE_SD = 7.7, 2.0
AT_BIAS, REPEAT_BIAS = 38.0, 50.0
GENE_OFFSET_SD, SHARED_SD, OWN_SD = 0.4, 0.8, 1.2
MEMORY_MEAN, MEMORY_SHARE = 2.0, 0.5
SMEAR, SMEAR_REPEAT, SMEAR_SD = 0.002, 0.25, 0.7


def main_scores(gene: Gene, seed: int) -> Floats:
    """Scores of the main base model, float64 (length, 3) in the order of :class:`SpliceClass`."""
    rng = np.random.default_rng([seed, gene.index, 3])
    content = _content(gene.sequence)
    gc, complexity = _composition(gene.sequence)
    blur = np.maximum(0.93 - complexity, 0.0)
    bias = AT_BIAS * np.maximum(0.40 - gc, 0.0) + REPEAT_BIAS * blur
    logits = {
        SpliceClass.DONOR: _motif(gene.sequence, motifs.DONOR, motifs.DONOR_EXON - 1) + CONTENT_WEIGHT * content,
        SpliceClass.ACCEPTOR: _motif(gene.sequence, *_known_acceptor()) - CONTENT_WEIGHT * content,
    }
    trouble = rng.normal(0, GENE_OFFSET_SD) + bias
    noisy = {kind: PRIOR[kind] + logits[kind] + trouble + _noise(rng, len(content)) for kind in SITE_CLASSES}
    _raise_sites(rng, noisy, gene)
    sharpness = float(np.exp(rng.normal(0, 0.2)))
    smear = (SMEAR + SMEAR_REPEAT * blur) * np.exp(rng.normal(0, SMEAR_SD, len(content)))
    return _publish(_smeared(_softmax(noisy, sharpness), np.minimum(smear, 0.5)))


def alternative_scores(gene: Gene, seed: int) -> Floats:
    """Scores of the alternative base model, float64 (length, 3) in the order of :class:`SpliceClass`."""
    rng = np.random.default_rng([seed, gene.index, 4])
    branch = _motif(gene.sequence, motifs.BRANCH, len(motifs.BRANCH) - 2)
    first, last = motifs.BRANCH_DISTANCE
    best = np.max([np.roll(branch, distance) for distance in range(first, last + 1)], axis=0)
    logits = {
        SpliceClass.DONOR: _motif(gene.sequence, motifs.DONOR, motifs.DONOR_EXON - 1) - 6.5,
        SpliceClass.ACCEPTOR: _motif(gene.sequence, motifs.ACCEPTOR, motifs.ACCEPTOR_INTRON) + best - 9.5,
    }
    noisy = {kind: logits[kind] + rng.normal(0, OWN_SD, len(branch)) for kind in SITE_CLASSES}
    return _publish(_softmax(noisy, 1.0))


def _known_acceptor() -> tuple[Floats, int]:
    """The columns of the acceptor motif that the main model reads, and the column of the first exon base."""
    return motifs.ACCEPTOR[motifs.ACCEPTOR_INTRON - TRACT_KNOWN :], TRACT_KNOWN


def _motif(sequence: Codes, shares: Floats, lead: int) -> Floats:
    """Log odds of a motif whose column `lead` falls on each base, (len(sequence),); very low where it does not fit."""
    weights = motifs.log_odds(shares)
    width, count = len(shares), len(sequence) - len(shares) + 1
    score = np.full(len(sequence), -40.0)
    score[lead : lead + count] = sum(weights[j][sequence[j : j + count]] for j in range(width))
    return score


def _content(sequence: Codes) -> Floats:
    """Coding log odds of the `CONTENT_SPAN` bases up to each base minus those of as many bases after it.

    High at the end of an exon, low at its start. A triplet's log odds compare its share in human codons, over the three
    frames, with independent bases.
    """
    table = _triplet_log_odds()
    codes = sequence[:-2] * np.int64(16) + sequence[1:-1] * np.int64(4) + sequence[2:]
    score = np.pad(table[codes], (1, 1))
    total = np.concatenate([[0.0], score.cumsum()])
    at = np.arange(len(sequence))
    left = total[at + 1] - total[np.maximum(at + 1 - CONTENT_SPAN, 0)]
    right = total[np.minimum(at + 1 + CONTENT_SPAN, len(sequence))] - total[at + 1]
    bounded: Floats = np.tanh((left - right) / CONTENT_SCALE) * CONTENT_LIMIT
    return bounded


def _triplet_log_odds() -> Floats:
    """Log odds of coding sequence (mean share over the three frames) against an intron-like background, (64,)."""
    usage = motifs.CODON_USAGE.reshape(4, 4, 4) / motifs.CODON_USAGE.sum()
    second_third, first, first_second, third = usage.sum(0), usage.sum((1, 2)), usage.sum(2), usage.sum((0, 1))
    shifted = second_third[:, :, None] * first, third[:, None, None] * first_second
    background = np.array([0.29, 0.21, 0.21, 0.29])
    expected = background[:, None, None] * background[:, None] * background
    log_odds: Floats = np.log((usage + shifted[0] + shifted[1]) / 3 / expected).ravel()
    return log_odds


def _box(values: Floats) -> Floats:
    """Mean over `LOCAL_SPAN` bases around each base; shorter windows at the ends."""
    half = LOCAL_SPAN // 2
    total = np.concatenate([[0.0], values.cumsum()])
    at = np.arange(len(values))
    low, high = np.maximum(at - half, 0), np.minimum(at + half + 1, len(values))
    mean: Floats = (total[high] - total[low]) / (high - low)
    return mean


def _composition(sequence: Codes) -> tuple[Floats, Floats]:
    """GC share and base entropy (1 = all bases alike) around each base."""
    shares = np.stack([_box((sequence == base).astype(np.float64)) for base in range(motifs.N_BASES)])
    entropy = -(shares * np.log2(np.maximum(shares, 1e-12))).sum(0) / 2
    return shares[1] + shares[2], entropy


def _noise(rng: np.random.Generator, length: int) -> Floats:
    """Noise of each position plus noise shared by neighbours."""
    knots = np.arange(0, length + NOISE_KNOT, NOISE_KNOT)
    shared = np.interp(np.arange(length), knots, rng.normal(0, SHARED_SD, len(knots)))
    noise: Floats = shared + rng.normal(0, OWN_SD, length)
    return noise


def _raise_sites(rng: np.random.Generator, logits: dict[SpliceClass, Floats], gene: Gene) -> None:
    """Add the long-range evidence of true sites, and what the model remembers of genes it was trained on."""
    for kind in SITE_CLASSES:
        sites = np.flatnonzero(gene.labels == kind) + FLANK
        logits[kind][sites] += rng.normal(LONG_RANGE_MEAN, LONG_RANGE_SD, len(sites))
        known = rng.random(len(sites)) < MEMORY_SHARE * (gene.chrom in TRAINED_CHROMS)
        logits[kind][sites] += known * rng.exponential(MEMORY_MEAN, len(sites))


def _softmax(logits: dict[SpliceClass, Floats], sharpness: float) -> Floats:
    """Probabilities (len(sequence), 3) with the logit of *neither* at 0."""
    donor, acceptor = (np.exp(np.clip(sharpness * logits[kind], -60, 60)) for kind in SITE_CLASSES)
    odds: Floats = np.stack([np.ones_like(donor), donor, acceptor], axis=1)
    shares: Floats = odds / odds.sum(1, keepdims=True)
    return shares


def _smeared(scores: Floats, share: Floats) -> Floats:
    """Give a share of each score to the two bases on each side."""
    given = scores[:, 1:] * share[:, None]
    kept = scores[:, 1:] - given
    for shift, part in ((-2, 0.15), (-1, 0.35), (1, 0.35), (2, 0.15)):
        kept += part * np.roll(given, shift, axis=0)
    kept /= np.maximum(kept.sum(1, keepdims=True), 1)
    return np.column_stack([1 - kept.sum(1), kept])


def _publish(scores: NDArray[np.float64]) -> Floats:
    """The scores of the gene without its flanks, rounded; rows sum to 1 but for that."""
    sites = np.round(scores[FLANK:-FLANK, 1:], DECIMALS)
    return np.column_stack([np.maximum(np.round(1 - sites.sum(1), DECIMALS), 0), sites])
