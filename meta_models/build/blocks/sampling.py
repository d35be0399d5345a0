"""Which positions stand in a sampled table: independent draws whose probabilities are known exactly.

A position is kept when a number u in [0, 1) that is made of the seed, its gene and its place lies below its inclusion
probability pi; its weight is 1 / pi. Sites have pi = 1. The others are drawn in strata of the highest score of any
base model, so that negatives that are hard for any of them are all kept. As u does not depend on the draw, a draw with
higher probabilities contains every row of one with lower ones, whatever the order, the shards or the threads.

References
----------
Poisson sampling: Särndal, Swensson and Wretman, Model Assisted Survey Sampling (1992), section 3.5.
The mixing function: Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import UsageError
from meta_models.schema import SITE_CLASSES, SpliceClass

#: Scores at which strata end, as far as they lie below the score from which every negative is kept.
_EDGES = (1e-4, 1e-3, 5e-3, 5e-2)
#: A stratum's probability over that of the stratum above it, until one of them is 1.
_STEP = 1 / 4
#: The least probability: no row stands for more than 1,000.
LEAST_PROBABILITY = 1e-3

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FACTORS = ((np.uint64(30), np.uint64(0xBF58476D1CE4E5B9)), (np.uint64(27), np.uint64(0x94D049BB133111EB)))
_LAST_SHIFT = np.uint64(31)
_MANTISSA = 53


@dataclass(frozen=True)
class SamplingOptions:
    """What a user wants of a sampled table.

    Attributes
    ----------
    rows : int or None
        Rows of the table, sites among them; as many as `negatives_per_site` gives where None.
    negatives_per_site : float
        Negatives for each donor and acceptor.
    keep_above : float
        Negatives that any base model scores at least this are all kept.
    all_positions : bool
        Keep every position.
    seed : int
    """

    rows: int | None = None
    negatives_per_site: float = 10.0
    keep_above: float = 0.005
    all_positions: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        if self.rows is not None and self.rows < 1:
            raise UsageError("--rows is 1 or more", f"found {self.rows}")
        if not 0 <= self.negatives_per_site < np.inf:
            raise UsageError("--negatives-per-site is 0 or more", f"found {self.negatives_per_site}")
        if not 0 < self.keep_above <= 1:
            raise UsageError("--keep-above lies above 0 and not above 1", f"found {self.keep_above}")

    @property
    def edges(self) -> tuple[float, ...]:
        """Least scores of the strata but the lowest one, increasing; the last one is `keep_above`."""
        return (*(edge for edge in _EDGES if edge < self.keep_above), self.keep_above)


@dataclass(frozen=True)
class StrataCounts:
    """Positions of some genes; counts of several genes add up.

    Attributes
    ----------
    sites : int
        Donors and acceptors.
    negatives : tuple of int, (S,)
        Other positions in each stratum, the lowest scores first.
    """

    sites: int
    negatives: tuple[int, ...]

    def __add__(self, other: StrataCounts) -> StrataCounts:
        negatives = tuple(a + b for a, b in zip(self.negatives, other.negatives, strict=True))
        return StrataCounts(self.sites + other.sites, negatives)

    @property
    def positions(self) -> int:
        """All positions."""
        return self.sites + sum(self.negatives)


@dataclass(frozen=True)
class SamplingPlan:
    """Inclusion probabilities; made by :func:`plan_sampling`.

    Attributes
    ----------
    edges : tuple of float, (S - 1,)
        Least scores of the strata but the lowest one.
    probabilities : tuple of float, (S,)
        Inclusion probability of a negative in each stratum, the lowest scores first.
    counts : StrataCounts
        What the probabilities were solved for.
    seed : int
    """

    edges: tuple[float, ...]
    probabilities: tuple[float, ...]
    counts: StrataCounts
    seed: int

    @property
    def expected_rows(self) -> float:
        """Mean number of rows over all seeds."""
        return self.counts.sites + sum(p * n for p, n in zip(self.probabilities, self.counts.negatives, strict=True))

    @property
    def largest_weight(self) -> float:
        """Largest weight of a row."""
        return 1 / min(self.probabilities)

    def draw(
        self,
        gene_id: str,
        labels: NDArray[np.integer[Any]],
        highest: NDArray[np.float32],
        *,
        usable: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """The rows of one gene.

        Parameters
        ----------
        gene_id : str
        labels : ndarray of int, (n,)
            Class of every position of the gene, from its first base in the sense direction. Positions with any other
            label are masked: they are never rows.
        highest : ndarray of float32, (n,)
            As :func:`highest_scores` gives it.
        usable : ndarray of bool, (n,), optional
            Positions that may stand in a table; all where None.

        Returns
        -------
        rows : ndarray of int64, (m,)
            Kept positions, increasing.
        weights : ndarray of float64, (m,)
            1 / inclusion probability.
        """
        site, negative = _sites_and_negatives(labels, usable)
        probability = np.asarray(self.probabilities)[strata(highest, self.edges)]
        probability[site] = 1.0
        kept = uniform(self.seed, gene_id, len(probability)) < probability
        rows = np.flatnonzero(kept & (site | negative))
        return rows, 1 / probability[rows]

    def to_json(self) -> dict[str, Any]:
        """What the description of a table says of its sampling, the lowest scores first."""
        bounds = pairwise((0.0, *self.edges, None))
        strata_ = [
            {"from": low, "below": high, "negatives": n, "probability": p}
            for (low, high), n, p in zip(bounds, self.counts.negatives, self.probabilities, strict=True)
        ]
        return {
            "rule": "every site; other positions independently, by the highest score of any base model",
            "seed": self.seed,
            "sites": self.counts.sites,
            "strata": strata_,
            "expected_rows": self.expected_rows,
            "largest_weight": self.largest_weight,
        }


def highest_scores(scores: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Highest donor or acceptor score of any base model.

    Parameters
    ----------
    scores : iterable of ndarray of float32, (n, 2)
        Donor and acceptor scores of every base model.

    Returns
    -------
    ndarray of float32, (n,)
    """
    return np.asarray(np.maximum.reduce([values[:, kind] for values in scores for kind in range(values.shape[1])]))


def strata(highest: NDArray[np.float32], edges: tuple[float, ...]) -> NDArray[np.intp]:
    """Stratum of every position, (n,); a score equal to an edge lies in the stratum above it."""
    return np.searchsorted(np.asarray(edges, np.float32), highest, side="right")


def count_strata(
    labels: NDArray[np.integer[Any]],
    highest: NDArray[np.float32],
    edges: tuple[float, ...],
    *,
    usable: NDArray[np.bool_] | None = None,
) -> StrataCounts:
    """Counts of one gene; the parameters are those of :meth:`SamplingPlan.draw`."""
    site, negative = _sites_and_negatives(labels, usable)
    negatives = np.bincount(strata(highest[negative], edges), minlength=len(edges) + 1)
    return StrataCounts(int(site.sum()), tuple(negatives.tolist()))


def plan_sampling(counts: StrataCounts, options: SamplingOptions) -> SamplingPlan:
    """The probabilities that give the wanted number of rows on average.

    Every negative from `keep_above` on is kept. Below, the probability falls by a factor of 4 from stratum to stratum,
    is 1 at most and .001 at least; so the table may be larger than wanted where the negatives that are kept alone are
    more than that, and smaller where there are fewer positions.
    """
    if options.all_positions:
        return SamplingPlan(options.edges, (1.0,) * (len(options.edges) + 1), counts, options.seed)
    wanted = options.rows or counts.sites * (1 + options.negatives_per_site)
    *lower, kept = counts.negatives
    rates = _rates(tuple(lower), wanted - counts.sites - kept)
    return SamplingPlan(options.edges, (*rates, 1.0), counts, options.seed)


def uniform(seed: int, gene_id: str, length: int) -> NDArray[np.float64]:
    """A number in [0, 1) for every position of a gene, (length,), that depends on seed, gene and position alone."""
    digest = hashlib.blake2b(f"{seed}\t{gene_id}".encode(), digest_size=8).digest()
    start = np.uint64(int.from_bytes(digest, "little"))
    mixed = start + np.arange(1, length + 1, dtype=np.uint64) * _GOLDEN
    for shift, factor in _FACTORS:
        mixed = (mixed ^ (mixed >> shift)) * factor
    mixed ^= mixed >> _LAST_SHIFT
    return (mixed >> np.uint64(64 - _MANTISSA)).astype(np.float64) * 2.0**-_MANTISSA


def _sites_and_negatives(
    labels: NDArray[np.integer[Any]], usable: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which positions are usable sites, and which usable negatives."""
    site, negative = np.isin(labels, SITE_CLASSES), np.asarray(labels) == SpliceClass.NEITHER
    return (site, negative) if usable is None else (site & usable, negative & usable)


def _rates(negatives: tuple[int, ...], wanted: float) -> tuple[float, ...]:
    """Probabilities of the strata below the kept one, lowest first, whose mean number of rows is `wanted`.

    The number of rows grows with the common factor and is linear between the factors at which a stratum reaches a
    bound; so the factor is found exactly.
    """
    shares = [_STEP**above for above in range(len(negatives), 0, -1)]
    bends = sorted({bound / share for share in shares for bound in (LEAST_PROBABILITY, 1.0)})
    rows = [sum(n * p for n, p in zip(negatives, _bounded(shares, factor), strict=True)) for factor in bends]
    factor = float(np.interp(wanted, *_increasing(rows, bends))) if bends else 0.0
    return _bounded(shares, factor)


def _bounded(shares: list[float], factor: float) -> tuple[float, ...]:
    return tuple(min(1.0, max(LEAST_PROBABILITY, factor * share)) for share in shares)


def _increasing(rows: list[float], bends: list[float]) -> tuple[list[float], list[float]]:
    """Without the bends at which the number of rows does not grow, but the first of them."""
    keep = [0, *(i for i in range(1, len(rows)) if rows[i] > rows[i - 1])]
    return [rows[i] for i in keep], [bends[i] for i in keep]
