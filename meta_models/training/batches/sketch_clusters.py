"""Clusters of genes whose sequences are made of the same short words."""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from meta_models.build.relatives.families import FamilyRule, sketch
from meta_models.dataset.built import BuiltFolder, is_built
from meta_models.errors import UsageError
from meta_models.places import TablePath

#: As many as *C. elegans* has chromosomes, which its batches are compared with.
CLUSTERS = 6
#: Words that are looked at; a gene is known by which of them it has: 4 bytes a word and gene.
WORDS = 512
#: Bases of words: the shortest are all looked at, the longest suit genes of a whole chromosome.
_LENGTHS = range(5, 16, 2)
_STARTS = 10
Words = NDArray[np.float32]


def sketch_clusters(dataset: TablePath, genes: Set[str], seed: int) -> dict[str, str]:
    """The cluster of each gene, ``sketch-1`` and so on, by :func:`word_sketches`.

    Labels play no part, nor does the strand.

    Parameters
    ----------
    seed : int
        Of the search for clusters.

    Raises
    ------
    UsageError, InputError
        As :func:`word_sketches`.
    """
    names, table = word_sketches(dataset, genes)
    return {name: f"sketch-{number + 1}" for name, number in zip(names, clusters(table, seed).tolist(), strict=True)}


def word_sketches(dataset: TablePath, genes: Set[str]) -> tuple[list[str], Words]:
    """Which of :data:`WORDS` words each gene has: ids, sorted, and the table of :func:`word_table`.

    Parameters
    ----------
    dataset : path
        A folder that ``meta-models build`` made.
    genes : set of str
        Ids of some of its genes, at least one.

    Raises
    ------
    UsageError
        If `dataset` is another table: it has no sequences of genes.
    InputError
        If a gene is not there.
    """
    if not is_built(dataset):
        raise UsageError(
            "--batch-groups sketch reads the sequences of genes",
            f"{dataset} is no folder of 'meta-models build', which has genes/",
            "Give --dataset such a folder, or group batches otherwise",
        )
    folder = BuiltFolder.open(dataset).genes
    rule = word_rule(float(np.median([entry.length for entry in folder.entries if entry.gene_id in genes] or [1])))
    found = {gene: sketch(codes, rule) for gene, codes in folder.sequences(genes)}
    names = sorted(found)
    return names, word_table([found[name] for name in names])


def word_rule(length: float) -> FamilyRule:
    """Words of so many bases that a gene of `length` bases has about half of them, and as many as are looked at.

    A word that every gene has, or none, says nothing of which genes are alike.
    """
    k = min(_LENGTHS, key=lambda k: abs(np.exp(-length / _n_words(k)) - 0.5))
    return FamilyRule(k=k, scaled=_n_words(k) // WORDS)


def word_table(sketches: Sequence[NDArray[np.uint32]]) -> Words:
    """Whether each gene has each word that any has, float32 (G, W), of length 1; a gene without any is all 0."""
    words = np.unique(np.concatenate(sketches))
    table = np.zeros((len(sketches), max(len(words), 1)), np.float32)
    for row, found in zip(table, sketches, strict=True):
        row[np.searchsorted(words, found)] = 1 / np.sqrt(max(len(found), 1))
    return table


def clusters(table: Words, seed: int) -> NDArray[np.int64]:
    """The cluster (G,) of each gene by k-means, numbered in the order in which they first appear.

    With one thread: sums of several are added up in an order that chance decides.
    """
    from sklearn.cluster import KMeans  # a second, which runs that group otherwise save

    different = len(np.unique(table, axis=0))
    with threadpool_limits(1):
        found = KMeans(min(CLUSTERS, different), n_init=_STARTS, random_state=seed).fit_predict(table)
    _, first, codes = np.unique(found, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[codes], np.int64)


def _n_words(k: int) -> int:
    """Different words of `k` bases, an odd number, a word and its reverse complement being one."""
    return 1 << (2 * k - 1)
