"""The genes of an annotation on the contigs of a genome, with their labels."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from meta_models.build.annotation import GeneModel, read_annotation
from meta_models.build.config import BuildConfig
from meta_models.build.inputs.contig_names import match_names, unknown_names
from meta_models.build.inputs.genome import Genome
from meta_models.build.labels.selection import chosen_genes, renamed, require_types, select_genes
from meta_models.build.labels.sites import Labeller, require_consensus
from meta_models.build.options import gene_rules, label_rules
from meta_models.errors import InputError

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Annotated:
    """Made by :func:`read_genes`.

    Attributes
    ----------
    labeller : Labeller
        With all genes of the annotation that can be built.
    genes : tuple of GeneModel
        Those that are built.
    counts : mapping of str to int
        How often each rule dropped or changed something.
    """

    labeller: Labeller
    genes: tuple[GeneModel, ...]
    counts: Mapping[str, int]


def read_genes(config: BuildConfig, genome: Genome, chrom_map: Mapping[str, str]) -> Annotated:
    """Read the annotation and choose its genes.

    Raises
    ------
    InputError
        If it is none, does not fit the genome, or no gene is left.
    """
    annotation = read_annotation(config.annotation, on_bad_transcript=config.on_bad_transcript)
    counts = Counter(annotation.counts)
    what = f"The annotation {config.annotation}"
    models = genes_on_genome(annotation.genes, genome, chrom_map, what, counts, any_contig=not config.chroms)
    rules = gene_rules(config)
    selected = select_genes(models, rules, counts)
    require_types(selected, rules)
    labeller = Labeller(selected, label_rules(config), genome)
    require_consensus(labeller.motifs)
    genes = chosen_genes(labeller.genes, config.genes or None, config.chroms or None)
    logger.info("%d genes of %s, %d of them are built", len(models), config.annotation, len(genes))
    return Annotated(labeller, genes, {k: n for k, n in sorted((counts + labeller.counts).items()) if n})


def genes_on_genome(
    genes: Sequence[GeneModel],
    genome: Genome,
    chrom_map: Mapping[str, str],
    what: str,
    counts: Counter[str],
    *,
    any_contig: bool,
) -> tuple[GeneModel, ...]:
    """The genes by the names of the genome's contigs.

    Raises
    ------
    InputError
        If a contig is not in the genome and `any_contig`, or a gene ends beyond its contig.
    """
    found = dict.fromkeys(gene.chrom for gene in genes)
    names = {own: contig for contig, own in match_names(found, genome.lengths, what=what, chrom_map=chrom_map).items()}
    if any_contig and (unknown := [name for name in found if name not in names]):
        raise unknown_names(unknown, genome.contigs, what=what)
    known = [gene for gene in genes if gene.chrom in names]
    counts["genes left out: their contig is not in the genome"] += len(genes) - len(known)
    moved = renamed(known, names)
    _require_inside(moved, genome.lengths, what)
    return moved


def _require_inside(genes: Collection[GeneModel], lengths: Mapping[str, int], what: str) -> None:
    beyond = [gene for gene in genes if gene.end > lengths[gene.chrom]]
    if beyond:
        first = beyond[0]
        raise InputError(
            f"{what} and the genome must be of one assembly: genes lie on their contigs",
            f"{len(beyond):,} end beyond, the first {first.gene_id} at {first.end:,} of {first.chrom}, which has "
            f"{lengths[first.chrom]:,} bases",
            "Give the genome of that assembly",
        )
