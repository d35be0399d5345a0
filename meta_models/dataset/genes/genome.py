"""Which genome positions are of, as far as that is known, and the one comparison of two of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from meta_models.dataset.genes.loci import Locus
from meta_models.names import assembly_key


@dataclass(frozen=True)
class Genome:
    """What is known of a genome.

    Attributes
    ----------
    assembly : str or None
        Its name.
    contigs : mapping of str to int
        Lengths of contigs in bases, by the normal forms of their names; of those that are known.
    """

    assembly: str | None = None
    contigs: Mapping[str, int] = field(default_factory=dict)

    def same(self, other: Genome, chromosome: str) -> bool | None:
        """Whether both mean the same by `chromosome`, a normal form; None where that is not known.

        It is the same where its lengths are; where one of them is not known, where the assemblies are named alike.
        """
        ours, theirs = self.contigs.get(chromosome), other.contigs.get(chromosome)
        if ours is not None and theirs is not None:
            return ours == theirs
        if self.assembly is None or other.assembly is None:
            return None
        return assembly_key(self.assembly) == assembly_key(other.assembly)


#: One of which nothing is known.
UNKNOWN = Genome()


@dataclass(frozen=True)
class Stretches:
    """Stretches of a genome, as :class:`~meta_models.dataset.genes.loci.Locus` writes them."""

    genome: Genome
    loci: tuple[str, ...]

    def maybe_in(self, genome: Genome) -> Iterable[str]:
        """Those that lie in `genome` too, as far as is known: all but those on chromosomes that differ."""
        same = {chrom: self.genome.same(genome, chrom) for chrom in {Locus.parse(text).chrom for text in self.loci}}
        return [text for text in self.loci if same[Locus.parse(text).chrom] is not False]
