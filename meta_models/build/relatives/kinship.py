"""The family of every gene of an annotation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meta_models.build.annotation import GeneModel
from meta_models.build.config import AUTO, NONE
from meta_models.build.inputs.genome import Genome, N
from meta_models.build.relatives.families import GeneSketches, group_families, read_families
from meta_models.errors import InputError
from meta_models.names import gene_key

#: Bases around exons that are looked at: introns hold repeats that unrelated genes share.
_AROUND = 100
Pairs = list[tuple[int, int]]
#: Genes that a message names.
_SHOWN = 5


class Families(NamedTuple):
    """Made by `find_families`.

    Attributes
    ----------
    of : dict of str to str
        The family of each gene by its id.
    unknown : int
        Genes that a file of families does not name.
    """

    of: dict[str, str]
    unknown: int = 0


def find_families(genes: Sequence[GeneModel], genome: Genome, families: str) -> Families:
    """Which genes are related.

    Parameters
    ----------
    families : str
        ``auto``: genes that share words of their exons; ``none``: every gene is a family of its own; or a file.
        Genes that share bases, or an id in the file, are one family but for ``none``.

    Raises
    ------
    InputError
        If the file is none, or names none of the genes.
    """
    ids = [gene.gene_id for gene in genes]
    if families == NONE:
        return Families(dict(zip(ids, ids, strict=True)))
    given = None if families == AUTO else _named(Path(families), genes)
    sketches = GeneSketches()
    for gene in genes if given is None else ():
        sketches.add(_exonic(gene, genome))
    links = sketches.links() if given is None else np.empty((0, 2), np.int64)
    joined = np.array([*_overlapping(genes), *_same_source(genes)], np.int64).reshape(-1, 2)
    found = dict(zip(ids, group_families(ids, links, joined, given), strict=True))
    return Families(found, 0 if given is None else len(ids) - len(given))


def _named(file: Path, genes: Sequence[GeneModel]) -> dict[str, str]:
    """The families that a file gives to `genes`, by their ids; versions and prefixes of ids don't matter."""
    families = read_families(file)
    found = {gene.gene_id: families[key] for gene in genes if (key := gene_key(gene.source_id)) in families}
    if genes and not found:
        own, others = (", ".join(list(names)[:_SHOWN]) for names in ([gene.gene_id for gene in genes], families))
        raise InputError(
            f"The file {file} must name genes of the annotation by their ids",
            f"Found none of the {len(genes):,} genes ({own}, ...) among those of the file ({others}, ...)",
            "Write the ids as the annotation has them, one and its family a line",
        )
    return found


def _exonic(gene: GeneModel, genome: Genome) -> NDArray[np.uint8]:
    """Exons of all transcripts with some bases around, N between them."""
    exons = np.concatenate([transcript.exons for transcript in gene.transcripts])
    exons = exons[np.argsort(exons[:, 0], kind="stable")]
    parts: list[NDArray[np.uint8]] = []
    reach = gene.start - 1
    for start, end in exons.tolist():
        first, last = max(start - _AROUND, gene.start, reach + 1), min(end + _AROUND, gene.end)
        if first <= last:
            gap = [np.array([N], np.uint8)] if parts and first > reach + 1 else []
            parts += [*gap, genome.fetch(gene.chrom, first - 1, last)]
            reach = last
    return np.concatenate(parts)


def _overlapping(genes: Sequence[GeneModel]) -> Pairs:
    """Each gene with the one before that reaches furthest, where they share bases on either strand."""
    pairs: Pairs = []
    order = sorted(range(len(genes)), key=lambda k: (genes[k].chrom, genes[k].start))
    furthest = order[0] if order else 0
    for k in order[1:]:
        before, gene = genes[furthest], genes[k]
        if gene.chrom == before.chrom and gene.start <= before.end:
            pairs.append((furthest, k))
        if gene.chrom != before.chrom or gene.end > before.end:
            furthest = k
    return pairs


def _same_source(genes: Sequence[GeneModel]) -> Pairs:
    """Genes of one id in the file, on several contigs or strands."""
    first: dict[str, int] = {}
    return [(first.setdefault(gene.source_id, k), k) for k, gene in enumerate(genes)]
