"""Which genes are one group: those that share positions of the genome or an identity, whatever families are named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from meta_models.dataset.genes.loci import overlapping, spans
from meta_models.dataset.plausibility.copies import copied_genes
from meta_models.names import gene_key, is_par_copy
from meta_models.schema import GENE
from meta_models.wording import counted

FAMILY_NAME = "family"
Pairs = NDArray[np.int64]
Codes = NDArray[np.int64]
#: Why genes are one group, in the order in which it is told: what is said of so many genes.
TWO_FAMILIES = "in several families"
PAR_COPIES = "with a _PAR_Y copy, or one itself"
SAME_ID = "with ids of one gene in several versions or spellings"
OVERLAP = "overlapping another one on its strand"
COPIES = "with the rows of another one"


@dataclass(frozen=True)
class GeneGroups:
    """Made by `group_genes`.

    Attributes
    ----------
    of_family : mapping of str to str
        Name of the group of each family that was joined with another one: the first of the names of its families.
    reasons : mapping of str to int
        Number of genes that each reason joined with a gene of another family.
    """

    of_family: Mapping[str, str]
    reasons: Mapping[str, int]

    def notes(self) -> tuple[str, ...]:
        """What a reader of the results should know; nothing where no group was joined."""
        if not self.of_family:
            return ()
        families, groups = len(self.of_family), len(set(self.of_family.values()))
        why = "; ".join(f"{counted(count, 'gene')} {reason}" for reason, count in self.reasons.items())
        joined = f"{families:,} families (a gene without one is its own) are {counted(groups, 'group')}"
        return (f"{joined} of genes that are held out, screened and resampled as one: {why}.",)


@dataclass(frozen=True)
class _Genes:
    """Codes of genes and families: of each row (n_rows,), and the family of each gene (n_genes,)."""

    genes: Codes
    names: Sequence[str]
    families: Codes
    family_names: Sequence[str]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> _Genes:
        """Codes of the genes and families that `frame` names."""
        return cls(*coded(frame[GENE]), *coded(frame[FAMILY_NAME]))

    @property
    def family_of(self) -> Codes:
        """One of its families for each gene."""
        found = np.empty(len(self.names), np.int64)
        found[self.genes] = self.families
        return found

    def in_two(self) -> Pairs:
        """Pairs of families that share a gene, and that gene (k, 3)."""
        gene, family = np.divmod(np.unique(self.genes * len(self.family_names) + self.families), len(self.family_names))
        again = np.flatnonzero(gene[1:] == gene[:-1])
        return np.column_stack([family[again], family[again + 1], gene[again]])


def group_genes(frame: pl.DataFrame, scores: Sequence[str]) -> GeneGroups:
    """Join the genes of a table into groups that no split may part.

    Parameters
    ----------
    frame : polars.DataFrame (n_rows, ...)
        ``gene_id``, ``family``, ``label``, `scores`, and where they are known ``chrom``, ``strand`` and
        ``genomic_position``.
    scores : sequence of str
        Base scores: copies of genes are known by them and the labels.
    """
    table = _Genes.of(frame)
    code = pl.Series(table.genes)
    two = table.in_two()
    links, reasons = [two[:, :2]], {TWO_FAMILIES: len(np.unique(two[:, 2]))}
    found = (
        *_same_ids(table.names),
        (OVERLAP, overlapping(spans(frame, code))),
        (COPIES, _copies(code, frame, scores)),
    )
    for reason, pairs in found:
        genes = np.array(pairs, np.int64).reshape(-1, 2)
        families = table.family_of[genes]
        crossing = families[:, 0] != families[:, 1]
        links.append(families[crossing])
        reasons[reason] = len(np.unique(genes[crossing]))
    group_of = _joined(np.concatenate(links), table.family_names)
    return GeneGroups(group_of, {why: count for why, count in reasons.items() if count})


def coded(series: pl.Series) -> tuple[Codes, Sequence[str]]:
    """Code of each value of a text series without gaps (n,), and the values (k,), sorted, that they stand for."""
    text = series.cast(pl.String)
    values = text.unique().sort()
    codes = text.replace_strict(values, pl.Series(np.arange(len(values))), return_dtype=pl.Int64)
    return codes.to_numpy(), values.to_list()


def components(links: Pairs, n_nodes: int) -> Codes:
    """Connected component (n_nodes,) of each node under the `links` (k, 2)."""
    graph = coo_array((np.ones(len(links), np.int8), (links[:, 0], links[:, 1])), shape=(n_nodes, n_nodes))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _same_ids(names: Sequence[str]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
    first: dict[str, int] = {}
    pairs = [(first.setdefault(gene_key(name), code), code) for code, name in enumerate(names)]
    again = [(a, b) for a, b in pairs if a != b]
    twins = [(a, b) for a, b in again if is_par_copy(names[a]) or is_par_copy(names[b])]
    yield PAR_COPIES, twins
    yield SAME_ID, sorted(set(again) - set(twins))


def _copies(genes: pl.Series, frame: pl.DataFrame, scores: Sequence[str]) -> list[tuple[int, int]]:
    return [(a, b) for a, b in copied_genes(genes, frame.select("label", *scores)).iter_rows()]


def _joined(links: Pairs, family_names: Sequence[str]) -> dict[str, str]:
    """The name of the group of each family that is in one with others."""
    component = components(links, len(family_names))
    families: dict[int, list[str]] = {}
    for number, name in zip(component.tolist(), family_names, strict=True):
        families.setdefault(number, []).append(name)
    return {name: found[0] for found in families.values() if len(found) > 1 for name in found}
