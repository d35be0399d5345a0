"""What is known of human splice signals, as numbers: site matrices, codon usage, element words and length laws.

Every table is rounded from the source named beside it. The simulation needs plausible figures, not exact ones, so the
columns of the polypyrimidine tract are smoothed.

References
----------
.. [1] Shapiro, Senapathy (1987) RNA splice junctions of different classes of eukaryotes. Nucleic Acids Res 15, 7155.
.. [2] Zhang (1998) Statistical features of human exons and their flanking regions. Hum Mol Genet 7, 919.
.. [3] Burset, Seledtsov, Solovyev (2000) Analysis of canonical and non-canonical splice sites in mammalian genomes.
       Nucleic Acids Res 28, 4364. GC-AG introns: 0.7 % of all.
.. [4] Gao et al. (2008) Human branch point consensus sequence is yUnAy. Nucleic Acids Res 36, 2257.
.. [5] Nakamura, Gojobori, Ikemura (2000) Codon usage tabulated from international DNA sequence databases.
       Nucleic Acids Res 28, 292.
.. [6] Fairbrother et al. (2002) Predictive identification of exonic splicing enhancers in human genes.
       Science 297, 1007.
.. [7] McCullough, Berget (1997) G triplets located throughout a class of small vertebrate introns enforce intron
       borders and regulate splice site selection. Mol Cell Biol 17, 4562.
.. [8] International Human Genome Sequencing Consortium (2001) Initial sequencing and analysis of the human genome.
       Nature 409, 860. Table 21: internal exons have a median of 122 bases (mean 145), introns 1,023 (mean 3,365),
       genes 7 exons (mean 8.8).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

Codes = NDArray[np.uint8]
Floats = NDArray[np.float64]

BASES = "ACGT"
N_BASES = len(BASES)


def encode(word: str) -> Codes:
    """Base codes (A C G T = 0 1 2 3) of `word`, uint8 (len(word),)."""
    return np.array([BASES.index(base) for base in word], np.uint8)


#: Share of A, C, G, T at donor positions -3..-1 (exon) and +1..+6 (intron): references 1, 2 and, for GC at +2, 3.
DONOR: Floats = np.array(
    [
        [0.34, 0.36, 0.18, 0.12],
        [0.60, 0.13, 0.13, 0.14],
        [0.09, 0.03, 0.80, 0.08],
        [0.00, 0.00, 1.00, 0.00],
        [0.00, 0.01, 0.00, 0.99],
        [0.55, 0.03, 0.40, 0.02],
        [0.71, 0.08, 0.12, 0.09],
        [0.07, 0.06, 0.82, 0.05],
        [0.16, 0.17, 0.20, 0.47],
    ]
)
DONOR_EXON = 3  # of them in the exon
FIXED_SHARE = 0.95  # a column with a commoner base is part of every site, weak ones included

#: Share of A, C, G, T at acceptor positions -20..-1 (intron) and +1..+3 (exon): references 1 and 2.
ACCEPTOR: Floats = np.array(
    [
        [0.22, 0.26, 0.17, 0.35],
        [0.20, 0.27, 0.17, 0.36],
        [0.18, 0.27, 0.16, 0.39],
        [0.17, 0.28, 0.16, 0.39],
        [0.16, 0.29, 0.15, 0.40],
        [0.14, 0.30, 0.14, 0.42],
        [0.12, 0.31, 0.13, 0.44],
        [0.11, 0.31, 0.13, 0.45],
        [0.10, 0.31, 0.13, 0.46],
        [0.09, 0.32, 0.12, 0.47],
        [0.09, 0.33, 0.11, 0.47],
        [0.09, 0.33, 0.11, 0.47],
        [0.10, 0.34, 0.10, 0.46],
        [0.09, 0.36, 0.09, 0.46],
        [0.08, 0.38, 0.07, 0.47],
        [0.08, 0.36, 0.06, 0.50],
        [0.24, 0.29, 0.20, 0.27],
        [0.05, 0.66, 0.01, 0.28],
        [1.00, 0.00, 0.00, 0.00],
        [0.00, 0.00, 1.00, 0.00],
        [0.25, 0.14, 0.50, 0.11],
        [0.24, 0.19, 0.20, 0.37],
        [0.27, 0.23, 0.25, 0.25],
    ]
)
ACCEPTOR_INTRON = 20  # of them in the intron

#: Branch site yUnAy, the branch point in the fourth column (its shares are those of reference 4).
BRANCH: Floats = np.array(
    [
        [0.15, 0.40, 0.15, 0.30],
        [0.05, 0.15, 0.05, 0.75],
        [0.30, 0.25, 0.25, 0.20],
        [0.92, 0.03, 0.02, 0.03],
        [0.15, 0.45, 0.10, 0.30],
    ]
)
#: First and last distance from the branch point to the end of the intron: 83 % of the branch points of reference 4.
BRANCH_DISTANCE = (21, 34)

#: Human codons per thousand, in the order AAA AAC AAG AAT ACA ... TTT, a row a first base: reference 5. No stops.
CODON_USAGE: Floats = np.array(
    [
        [24.4, 19.1, 31.9, 17.0, 15.1, 18.9, 6.1, 13.1, 12.2, 19.5, 12.0, 12.1, 7.5, 20.8, 22.0, 16.0],
        [12.3, 15.1, 34.2, 10.9, 16.9, 19.8, 6.9, 17.5, 6.2, 10.4, 11.4, 4.5, 7.2, 19.6, 39.6, 13.2],
        [29.0, 25.1, 39.6, 21.8, 15.8, 27.7, 7.4, 18.4, 16.5, 22.2, 16.5, 10.8, 7.1, 14.5, 28.1, 11.0],
        [0.0, 15.3, 0.0, 12.2, 12.2, 17.7, 4.4, 15.2, 0.0, 12.6, 13.2, 10.6, 7.7, 20.3, 12.9, 17.6],
    ]
).ravel()
CODONS: Codes = np.array(list(itertools.product(range(N_BASES), repeat=3)), np.uint8)

#: Purine-rich enhancer words of exons (the GAA class of reference 6) and the G triplets of introns (reference 7).
EXON_WORDS: tuple[Codes, ...] = tuple(map(encode, ("GAAGAA", "AAGAAG", "TGAAGA", "GAAGAT", "AGGAAG", "CAAGAA")))
INTRON_WORDS: tuple[Codes, ...] = (encode("TGGGA"), encode("AGGGC"), encode("GGGT"))

#: Units of low-complexity tracts. The GT and AG ones make rows of look-alike sites.
REPEAT_UNITS: tuple[Codes, ...] = tuple(map(encode, ("A", "T", "GT", "CA", "AT", "TTTG", "AAAG", "AG")))


@dataclass(frozen=True)
class LengthLaw:
    """A log-normal law of lengths in bases, cut off at both ends.

    Attributes
    ----------
    median, mean : float
        Published median and mean of the whole law; ``sigma`` follows from them.
    low, high : int
        Shortest and longest length drawn.
    """

    median: float
    mean: float
    low: int
    high: int

    @property
    def sigma(self) -> float:
        """Standard deviation of the log length: the mean of a log-normal law is median * exp(sigma**2 / 2)."""
        return float(np.sqrt(2 * np.log(self.mean / self.median)))

    def draw(self, rng: np.random.Generator, size: int) -> NDArray[np.int64]:
        """Independent lengths, int64 (size,), by inversion of the cut-off law."""
        bounds = np.log(np.array([self.low, self.high]) / self.median) / self.sigma
        low, high = (float(share) for share in ndtr(bounds))
        normal: Floats = ndtri(rng.uniform(low, high, size))
        return np.rint(self.median * np.exp(self.sigma * normal)).astype(np.int64)


#: Reference 8. Long introns are cut off: a demo gene should take milliseconds, so these are genes of the short kind.
EXON_LENGTH = LengthLaw(median=122, mean=145, low=40, high=800)
INTRON_LENGTH = LengthLaw(median=1023, mean=3365, low=90, high=3500)
EXON_COUNT = LengthLaw(median=7, mean=8.8, low=2, high=24)


def temper(shares: Floats, power: float) -> Floats:
    """A weaker motif: shares raised to `power` below 1 and scaled to sum 1; columns that are all but fixed stay."""
    raised = shares**power
    fixed = shares.max(1, keepdims=True) >= FIXED_SHARE
    tempered: Floats = np.where(fixed, shares, raised / raised.sum(1, keepdims=True))
    return tempered


def draw_motif(rng: np.random.Generator, shares: Floats, count: int) -> Codes:
    """Words of a motif, uint8 (count, width): bases independent, column j with the shares ``shares[j]``."""
    uniform = rng.random((count, len(shares), 1))
    words: Codes = np.minimum((uniform > shares.cumsum(1)).sum(2), N_BASES - 1).astype(np.uint8)
    return words


def log_odds(shares: Floats, *, floor: float = 1e-3) -> Floats:
    """Natural log of shares over the uniform background, (width, 4); shares below `floor` count as `floor`."""
    weights: Floats = np.log(np.maximum(shares, floor) * N_BASES)
    return weights
