"""Blocks of genes: what one process builds at a time, and what ``--resume`` reuses. One file of each kind a block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from meta_models.build.annotation import GeneModel


@dataclass(frozen=True, eq=False)
class Block:
    """Consecutive genes; those of small contigs share a block.

    Attributes
    ----------
    number : int
        From 1.
    """

    number: int
    genes: tuple[GeneModel, ...]

    @property
    def name(self) -> str:
        """The name of its unit and its files."""
        return f"batch_{self.number:05d}"

    @property
    def positions(self) -> int:
        """Positions of its genes."""
        return sum(map(len, self.genes))

    def __str__(self) -> str:
        return f"block {self.number} ({self.genes[0].chrom})"


def make_blocks(genes: Sequence[GeneModel], contigs: Sequence[str], positions: int) -> tuple[Block, ...]:
    """Genes in the order of contigs, starts, ends and ids, in blocks of at most so many positions (or one gene).

    Small contigs share a block.
    """
    rank = {contig: number for number, contig in enumerate(contigs)}
    parts: list[list[GeneModel]] = [[]]
    filled = 0
    for gene in sorted(genes, key=lambda g: (rank[g.chrom], g.start, g.end, g.gene_id)):
        if parts[-1] and filled + len(gene) > positions:
            parts.append([])
            filled = 0
        parts[-1].append(gene)
        filled += len(gene)
    return tuple(Block(number, tuple(part)) for number, part in enumerate(parts, 1) if part)
