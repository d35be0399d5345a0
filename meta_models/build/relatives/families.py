"""Which genes are related: genes of one family never stand on both sides of a fold.

Genes that share enough of their words of 15 bases, on either strand, are linked; so are genes that share bases of the
genome. Families are the connected components. Of the words a sixteenth is looked at, the same in every gene: those
with the smallest hashes. Words of more than 100 genes are repeats and are left out.

References
----------
Hera, Pierce-Ward and Koslicki, Deriving confidence intervals for mutation rates across a wide range of evolutionary
distances using FracMinHash, Genome Research 33 (2023).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from meta_models.build.inputs.text_lines import TextLines
from meta_models.errors import InputError
from meta_models.names import gene_key

Links = NDArray[np.int64]

_BASES = 4
_LONGEST_WORD = 31
_KEPT_BITS = 32
_BUCKETS = 16
_GENES_AT_A_TIME = 1000
_WORDS_AT_A_TIME = 1 << 20
_FIELDS = 2
_FACTORS = (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53)
_SHIFT = np.uint64(33)


@dataclass(frozen=True)
class FamilyRule:
    """When two genes are linked.

    Attributes
    ----------
    k : int
        Bases of a word, odd, so that no word is its own reverse complement; up to 31.
    scaled : int
        One word in so many is looked at: a power of 2.
    containment : float
        Share of the smaller gene's words that the two genes share at least.
    at_least : int
        Words that they share at least.
    repeats : int
        Words that stand in more genes are left out.
    """

    k: int = 15
    scaled: int = 16
    containment: float = 0.1
    at_least: int = 3
    repeats: int = 100

    def __post_init__(self) -> None:
        if self.k % 2 == 0 or not 0 < self.k <= _LONGEST_WORD:
            raise ValueError(f"words have an odd number of bases up to {_LONGEST_WORD}, found {self.k}")
        if self.scaled < 1 or self.scaled & (self.scaled - 1):
            raise ValueError(f"scaled is a power of 2, found {self.scaled}")


class GeneSketches:
    """The words of genes that are looked at: four bytes each, a gene at a time.

    Parameters
    ----------
    rule : FamilyRule, optional
    """

    def __init__(self, rule: FamilyRule | None = None) -> None:
        self.rule = rule or FamilyRule()
        self.genes = 0
        self._buckets: list[list[NDArray[np.uint64]]] = [[] for _ in range(_BUCKETS)]

    def add(self, codes: NDArray[np.uint8]) -> None:
        """Add the next gene.

        Parameters
        ----------
        codes : ndarray of uint8, (n,)
            Its bases, on either strand: A, C, G, T, N as 0 to 4. Words with N are left out.
        """
        words = sketch(codes, self.rule)
        keyed = words.astype(np.uint64) << np.uint64(_KEPT_BITS) | np.uint64(self.genes)
        edges = np.searchsorted(words, np.arange(_BUCKETS + 1) * (1 << _KEPT_BITS) // _BUCKETS)
        for bucket, first, last in zip(self._buckets, edges, edges[1:], strict=False):
            if first < last:
                bucket.append(keyed[first:last])
        self.genes += 1

    def links(self) -> Links:
        """Pairs of linked genes, by the order in which they were added, int64 (P, 2), first < second."""
        sizes, incidence = self._incidence()
        found = [np.zeros((0, 2), np.int64)]
        for first in range(0, self.genes, _GENES_AT_A_TIME):
            block = incidence[first : first + _GENES_AT_A_TIME]
            found.append(self._linked((block @ incidence.T).tocoo(), sizes, first))
        return np.concatenate(found)

    def _linked(self, shared: Any, sizes: NDArray[np.int64], first: int) -> Links:
        """Pairs among the counts of shared words of some genes, the first of which is `first`, with all genes."""
        one, two = shared.row.astype(np.int64) + first, shared.col.astype(np.int64)
        smaller = np.minimum(sizes[one], sizes[two])
        linked = (one < two) & (shared.data >= np.maximum(self.rule.at_least, self.rule.containment * smaller))
        pairs = np.stack([one[linked], two[linked]], axis=1)
        return pairs[np.lexsort(pairs.T[::-1])]

    def _incidence(self) -> tuple[NDArray[np.int64], Any]:
        """Number of words of every gene, repeats left out, and the matrix of genes and words that two or more share."""
        sizes, genes, words, number = np.zeros(self.genes, np.int64), [], [], 0
        for bucket in self._buckets:
            gene, word, length = _runs(bucket)
            rare = length <= self.rule.repeats
            sizes += np.bincount(gene[rare], minlength=self.genes)
            shared = rare & (length > 1)
            genes.append(gene[shared])
            words.append(word[shared] + number)
            number += int(word[-1]) + 1 if len(word) else 0
        gene, word = np.concatenate(genes), np.concatenate(words)
        ones = np.ones(len(gene), np.int32)
        return sizes, sparse.csr_matrix((ones, (gene, word)), shape=(self.genes, max(number, 1)))


def sketch(codes: NDArray[np.uint8], rule: FamilyRule) -> NDArray[np.uint32]:
    """The words of a sequence that are looked at, by 32 bits of their hashes, different and increasing, (m,).

    The sequence and its reverse complement give the same.
    """
    kept = [np.zeros(0, np.uint32)]
    for first in range(0, len(codes), _WORDS_AT_A_TIME):
        hashes = _mixed(_canonical_words(codes[first : first + _WORDS_AT_A_TIME + rule.k - 1], rule.k))
        bits = 64 - (rule.scaled.bit_length() - 1)
        few = hashes[hashes >> np.uint64(bits - 1) < 2] if rule.scaled > 1 else hashes
        kept.append((few >> np.uint64(bits - _KEPT_BITS)).astype(np.uint32))
    return np.unique(np.concatenate(kept))


def group_families(
    gene_ids: Sequence[str], links: Links, overlaps: Links, given: Mapping[str, str] | None = None
) -> list[str]:
    """The family of every gene.

    Parameters
    ----------
    gene_ids : sequence of str, (G,)
    links : ndarray of int, (P, 2)
        Related genes, by their index.
    overlaps : ndarray of int, (Q, 2)
        Genes that share bases of the genome: always one family, whatever else is known.
    given : mapping of str to str, optional
        Families that are known from elsewhere. They win over `links`, which are used among the other genes only.

    Returns
    -------
    list of str, (G,)
        A family is called by the name given to it, or else by its first gene id in the order of the alphabet.
    """
    known = given or {}
    unknown = np.array([gene not in known for gene in gene_ids], np.bool_)
    used = links[unknown[links].all(axis=1)] if len(links) else links
    edges = np.concatenate(
        [np.asarray(pairs, np.int64).reshape(-1, 2) for pairs in (used, overlaps, _same(gene_ids, known))]
    )
    graph = sparse.coo_matrix((np.ones(len(edges), np.int8), edges.T), shape=(len(gene_ids),) * 2)
    component = sparse.csgraph.connected_components(graph, directed=False)[1].tolist()
    names: dict[int, tuple[bool, str]] = {}
    for index, gene in zip(component, gene_ids, strict=True):
        name = (gene not in known, known.get(gene, gene))
        names[index] = min(names.get(index, name), name)
    return [names[index][1] for index in component]


def read_families(path: Path) -> dict[str, str]:
    """The families of a file, by the normal forms of gene ids: those of other versions are the same genes.

    The file has a gene id and its family on each line, with a tab between, plain or gzip; ``#`` begins a comment.

    Raises
    ------
    InputError
        If it cannot be read, a line has another form, or a gene stands in two families.
    """
    lines, families, spelled = TextLines(path), dict[str, str](), dict[str, str]()
    for number, line in lines:
        fields = [field.strip() for field in line.split("\t")]
        if len(fields) != _FIELDS or not all(fields):
            raise lines.error(number, "a gene id and its family, with a tab between", line)
        gene, family = fields
        key = gene_key(gene)
        if families.setdefault(key, family) != family:
            earlier = spelled[key] if spelled[key] != gene else "it"
            raise lines.error(number, f"{gene} in one family ({earlier} is in {families[key]} before)", line)
        spelled.setdefault(key, gene)
    if not families:
        raise InputError(f"The file {path} must hold the families of genes", "Found no line")
    return families


def _same(gene_ids: Iterable[str], known: Mapping[str, str]) -> list[tuple[int, int]]:
    """Every gene of a known family with the first one of it."""
    first: dict[str, int] = {}
    return [(first.setdefault(known[gene], i), i) for i, gene in enumerate(gene_ids) if gene in known]


def _runs(parts: list[NDArray[np.uint64]]) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Gene, number of the word and number of genes with this word, for every word of every gene, sorted by word."""
    keyed = np.sort(np.concatenate([np.zeros(0, np.uint64), *parts]))
    words = keyed >> np.uint64(_KEPT_BITS)
    new = np.concatenate([np.ones(min(len(words), 1), np.bool_), words[1:] != words[:-1]])
    word = np.cumsum(new) - 1
    gene = (keyed & np.uint64((1 << _KEPT_BITS) - 1)).astype(np.int64)
    return gene, word, np.bincount(word)[word] if len(word) else word


def _canonical_words(codes: NDArray[np.uint8], k: int) -> NDArray[np.uint64]:
    """The smaller of every word without N and its reverse complement, two bits a base, in order."""
    if len(codes) < k:
        return np.zeros(0, np.uint64)
    unknown = np.concatenate([[0], np.cumsum(codes >= _BASES)])
    whole = unknown[k:] == unknown[:-k]
    bases = (codes & (_BASES - 1)).astype(np.uint64)
    forward, backward = _joined(bases, k), _joined((_BASES - 1 - bases)[::-1], k)[::-1]
    return np.asarray(np.minimum(forward, backward)[whole])


def _joined(bases: NDArray[np.uint64], k: int) -> NDArray[np.uint64]:
    """The k bases from each base on as one number, made by doubling."""
    number = len(bases) + 1 - k
    words, length, done = bases, 1, 0
    joined = np.zeros(number, np.uint64)
    while done < k:
        if (k >> (length.bit_length() - 1)) & 1:
            joined = joined << np.uint64(2 * length) | words[done : done + number]
            done += length
        if done < k:
            words = words[:-length] << np.uint64(2 * length) | words[length:]
            length *= 2
    return joined


def _mixed(words: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A hash of 64 bits of each word: the final mix of MurmurHash3."""
    mixed = words ^ (words >> _SHIFT)
    for factor in _FACTORS:
        mixed = mixed * np.uint64(factor)
        mixed ^= mixed >> _SHIFT
    return mixed
