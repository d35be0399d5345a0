"""Genes cut into crops: which of them an epoch sees, and in which batches."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam.genes import GeneTracks

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

#: Crops that are sorted by length together: more waste less padding, fewer are mixed better.
POOL = 1024

#: Positions that are scored at a time, margins included.
TILE = 16_384


@dataclass(frozen=True)
class Crops:
    """Pieces of genes. Each position of a gene is in one crop; a crop is read with its margins.

    Attributes
    ----------
    gene, start, stop : ndarray of int64 (n_crops,)
        The gene, and the first and one past the last position, 0-based without the flank; in order.
    low, high : ndarray of int64 (n_crops,)
        The same with margins, in the arrays of the gene, flanks included: cut off where those end.
    sites : ndarray of bool (n_crops,)
        Whether there is a donor or an acceptor in it.
    """

    gene: Ints
    start: Ints
    stop: Ints
    low: Ints
    high: Ints
    sites: Bools

    def __len__(self) -> int:
        return len(self.gene)

    @property
    def spans(self) -> Ints:
        """Positions with margins."""
        return self.high - self.low

    def moved(self, by: int, flank: int) -> Crops:
        """The same in arrays that begin `by` later and have no `flank`."""
        start, stop = self.start + flank - by, self.stop + flank - by
        return replace(self, start=start, stop=stop, low=self.low - by, high=self.high - by)


def cut(lengths: Ints, size: int, margin: int, flank: int, sites: Bools | None = None) -> Crops:
    """Crops of `size` positions at most, on a grid that begins with each gene.

    Parameters
    ----------
    lengths : ndarray of int64 (n_genes,)
    margin : int
        Positions on either side that are read, too.
    sites : ndarray of bool (n_crops,), optional
    """
    counts = -(-lengths // size)
    gene = np.repeat(np.arange(len(lengths)), counts)
    first = np.repeat(np.cumsum(counts) - counts, counts)
    start = (np.arange(len(gene)) - first) * size
    stop = np.minimum(start + size, lengths[gene])
    low = np.maximum(start + flank - margin, 0)
    high = np.minimum(stop + flank + margin, lengths[gene] + 2 * flank)
    found = np.zeros(len(gene), np.bool_) if sites is None else sites
    return Crops(gene, start, stop, low, high, found)


def crops_of(gene: GeneTracks, size: int, margin: int, rows: Ints | None = None) -> Crops:
    """Crops of a gene, or of a part of one, on the grid that begins with the gene; those that `rows` lie in, or all.

    What of a crop lies beyond the arrays is left out.
    """
    last = gene.offset + gene.length - 1
    numbers = np.arange(gene.offset // size, last // size + 1)
    if rows is not None:
        numbers = np.unique((gene.offset + rows) // size)
    start = numbers * size - gene.offset
    stop = np.minimum(start + size, gene.gene_length - gene.offset)
    start, stop = np.maximum(start, -gene.flank), np.minimum(stop, gene.length + gene.flank)
    low = np.maximum(start + gene.flank - margin, 0)
    high = np.minimum(stop + gene.flank + margin, len(gene.codes))
    return Crops(np.zeros(len(numbers), np.int64), start, stop, low, high, np.zeros(len(numbers), np.bool_))


def chosen_crops(
    sites: Bools, among: Bools, share: float, random: np.random.Generator
) -> tuple[Ints, NDArray[np.float32]]:
    """The crops of an epoch, and what each counts: all with a site, and a share of the others.

    Parameters
    ----------
    sites : ndarray of bool (n_crops,)
        Whether each has one.
    among : ndarray of bool (n_crops,)
        Crops to choose from.
    share : float
        Probability with which a crop without a site is taken; it counts 1 / share then.
    """
    taken = among & (sites | (random.random(len(sites)) < share))
    numbers = np.flatnonzero(taken)
    return numbers, np.where(sites[numbers], 1.0, 1 / share).astype(np.float32)


def drawn_crops(among: Bools, share: float, seed: int) -> Bools:
    """A share of the crops `among` (n_crops,), drawn by the seed: of each as likely, whatever the others are."""
    return among & (np.random.default_rng(seed).random(len(among)) < share)


def packed(spans: Ints, room: int) -> list[Ints]:
    """Batches of crops of `spans` positions, in order: as many as fit into `room` positions, padding included."""
    batches, begin, longest = [], 0, 0
    for number, span in enumerate(spans.tolist()):
        longest = max(longest, span)
        if number > begin and longest * (number - begin + 1) > room:
            batches.append(np.arange(begin, number))
            begin, longest = number, span
    return [*batches, np.arange(begin, len(spans))] if len(spans) else []


def shuffled_batches(spans: Ints, room: int, random: np.random.Generator) -> list[Ints]:
    """Batches in random order, of crops of about one length, drawn at random."""
    order = random.permutation(len(spans))
    batches = []
    for begin in range(0, len(order), POOL):
        pool = order[begin : begin + POOL]
        pool = pool[np.argsort(spans[pool], kind="stable")]
        batches += [pool[batch] for batch in packed(spans[pool], room)]
    return [batches[number] for number in random.permutation(len(batches))]
