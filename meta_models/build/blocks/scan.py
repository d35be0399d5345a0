"""The first look at all genes, without their features: classes, strata, and what the base models cover."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from meta_models.build.annotation import GeneModel
from meta_models.build.blocks.assembly import Assembler
from meta_models.build.blocks.planning import Block
from meta_models.build.blocks.sampling import StrataCounts, count_strata, highest_scores
from meta_models.errors import InputError
from meta_models.schema import CLASS_NAMES, MASKED
from meta_models.workers import run_shares

LEAST_GENES = 10
_SPARSE_NOTE = "A track that leaves out low scores must hold no score of 0, a table no row of two"


@dataclass(frozen=True)
class Scan:
    """What was found in some genes; scans add up.

    Attributes
    ----------
    strata : StrataCounts
        Positions that may stand in the table.
    counts : Counter of str
        Positions by class, those masked, and those counted for another gene.
    positions : mapping of str to int
        Positions of genes by contig.
    covered : mapping of (str, str) to int
        Of these, those that a base model covers, by its key and the contig.
    unlike : frozenset of (str, str)
        Pairs of base models, by their keys, that differ somewhere.
    """

    strata: StrataCounts
    counts: Counter[str] = field(default_factory=Counter)
    positions: Counter[str] = field(default_factory=Counter)
    covered: Counter[tuple[str, str]] = field(default_factory=Counter)
    unlike: frozenset[tuple[str, str]] = frozenset()

    def __add__(self, other: Scan) -> Scan:
        return Scan(
            self.strata + other.strata,
            self.counts + other.counts,
            self.positions + other.positions,
            self.covered + other.covered,
            self.unlike | other.unlike,
        )

    @property
    def prevalence(self) -> dict[str, float]:
        """Share of each class among the positions that may stand in the table."""
        total = sum(self.counts[name] for name in CLASS_NAMES)
        return {name: self.counts[name] / total for name in CLASS_NAMES}

    def coverage(self, key: str) -> float:
        """Share of the positions of genes that a base model covers."""
        return sum(n for (found, _), n in self.covered.items() if found == key) / max(1, self.positions.total())


def scan_blocks(blocks: Sequence[Block], assembler: Assembler, edges: tuple[float, ...], *, processes: int) -> Scan:
    """Look at all genes, blocks side by side."""
    empty = Scan(StrataCounts(0, (0,) * (len(edges) + 1)))

    def scan_block(block: Block) -> Scan:
        """Counts of the genes of one block."""
        return sum((_scan_gene(gene, assembler, edges) for gene in block.genes), start=empty)

    found = run_shares(blocks, scan_block, [block.positions for block in blocks], processes=processes)
    return sum((found[block] for block in blocks), start=empty)


def _scan_gene(gene: GeneModel, assembler: Assembler, edges: tuple[float, ...]) -> Scan:
    found = assembler.labeller(gene)
    raw = {
        source.key: source.fetch(gene.chrom, gene.start - 1, gene.end, gene.strand, gene_id=gene.gene_id)
        for source in assembler.scores
    }
    covered = {(key, gene.chrom): int((~np.isnan(scores).any(axis=1)).sum()) for key, scores in raw.items()}
    unlike = frozenset(
        (one, other) for one, other in combinations(raw, 2) if not np.array_equal(raw[one], raw[other], equal_nan=True)
    )
    highest = highest_scores(np.nan_to_num(scores) for scores in raw.values())
    usable = (found.labels != MASKED) & ~found.elsewhere
    counts = Counter(dict(zip(CLASS_NAMES, np.bincount(found.labels[usable], minlength=3).tolist(), strict=True)))
    counts["masked"] = int((found.labels == MASKED).sum())
    counts["elsewhere"] = int(found.elsewhere.sum())
    counts["genes without sites"] = int(not (found.labels[found.labels != MASKED] > 0).any())
    strata = count_strata(found.labels, highest, edges, usable=usable)
    return Scan(strata, counts, Counter({gene.chrom: len(gene)}), Counter(covered), unlike)


def require_enough(n_genes: int, scan: Scan) -> None:
    """Refuse what no model can be trained on.

    Raises
    ------
    InputError
        If there are fewer than 10 genes, or a class without a position.
    """
    if n_genes < LEAST_GENES:
        raise InputError(f"At least {LEAST_GENES} genes must be built", f"Found {n_genes}", "Give more genes")
    if empty := [name for name in CLASS_NAMES if not scan.counts[name]]:
        counts = ", ".join(f"{name} {scan.counts[name]:,}" for name in CLASS_NAMES)
        raise InputError(
            "Each class must have positions", f"Found none of {' and '.join(empty)} ({counts})",
            "Check --min-intron, --transcripts and --gene-types",
        )  # fmt: skip


def require_different(scan: Scan, keys: Sequence[str]) -> None:
    """Refuse base models of which two are one, by another name or in another file.

    Raises
    ------
    InputError
        If two have the same scores at every position of all genes.
    """
    if alike := [f"{one} and {other}" for one, other in combinations(keys, 2) if (one, other) not in scan.unlike]:
        raise InputError(
            "Base models must have different scores",
            f"Found the same in {', '.join(alike)} at every position of all genes",
            "Give each once",
        )  # fmt: skip


def require_coverage(scan: Scan, least: float, sparse: Mapping[str, bool]) -> None:
    """Refuse base models that do not cover the genes.

    Parameters
    ----------
    sparse : mapping of str to bool
        Of each base model, whether a position without a score has the score 0.

    Raises
    ------
    InputError
        If one has no score on a contig with genes, or covers too small a share and leaves no zeros out.
    """
    for key in sparse:
        if bare := [contig for contig in scan.positions if not scan.covered[key, contig]]:
            raise InputError(
                f"The scores {key} must cover every contig with genes",
                f"Found none on {', '.join(bare[:5])}",
                "Are plus and minus exchanged? Else give scores of these contigs, or --chroms",
            )
        if not sparse[key] and (share := scan.coverage(key)) < least:
            raise InputError(
                f"The scores {key} must cover {least:.0%} of the bases of genes, or leave out low ones throughout",
                f"They cover {share:.1%}",
                f"Give all scores, fewer genes (--chroms, --genes), or --least-coverage. {_SPARSE_NOTE}",
            )
