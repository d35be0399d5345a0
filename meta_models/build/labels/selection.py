"""Which genes of an annotation are built, and whose sites are known but not used."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from meta_models.build.annotation import GeneModel, Transcript
from meta_models.errors import InputError
from meta_models.names import is_par_copy
from meta_models.schema import CODING

logger = logging.getLogger(__name__)

ALL_TYPES = "all"
_READTHROUGH = frozenset({"readthrough_transcript", "readthrough_gene"})
_APPRIS = "appris_principal"


@dataclass(frozen=True)
class GeneRules:
    """Which genes and transcripts are taken.

    Attributes
    ----------
    gene_types : tuple of str
        ``("all",)`` for every type.
    transcripts : {'all', 'canonical'}
        Whose introns make sites.
    """

    gene_types: tuple[str, ...] = (CODING,)
    transcripts: Literal["all", "canonical"] = "all"


@dataclass(frozen=True)
class SelectedGene:
    """A gene, the transcripts that make its sites, and those whose sites are known but not used.

    Attributes
    ----------
    built : bool
        Whether the gene is built; otherwise all of its transcripts are among the `others`.
    """

    model: GeneModel
    used: tuple[Transcript, ...]
    others: tuple[Transcript, ...]

    @property
    def built(self) -> bool:
        """Whether it is built; otherwise it only tells of sites that are not used."""
        return bool(self.used)


def select_genes(genes: Iterable[GeneModel], rules: GeneRules, counts: Counter[str]) -> tuple[SelectedGene, ...]:
    """Apply the rules; what they drop is counted in `counts`.

    Genes of another type and read-through transcripts are kept as `others`. Second copies of the pseudoautosomal
    regions (``_PAR_Y``, ``ENSGR``) are dropped altogether.
    """
    selected = []
    for gene in genes:
        if is_par_copy(gene.source_id):
            counts["genes dropped: second copy of a pseudoautosomal region (_PAR_Y)"] += 1
        else:
            selected.append(_selected(gene, rules, counts))
    return tuple(selected)


def _selected(gene: GeneModel, rules: GeneRules, counts: Counter[str]) -> SelectedGene:
    if ALL_TYPES not in rules.gene_types and gene.gene_type not in rules.gene_types:
        counts["genes left out: other gene type"] += 1
        return SelectedGene(gene, (), gene.transcripts)
    plain = tuple(t for t in gene.transcripts if not (t.tags | gene.tags) & _READTHROUGH)
    others = tuple(t for t in gene.transcripts if t not in plain)
    counts["transcripts left out: read-through"] += len(others)
    if not plain:
        counts["genes left out: read-through"] += 1
        return SelectedGene(gene, (), others)
    if rules.transcripts == "canonical":
        best = min(plain, key=_rank)
        return SelectedGene(gene, (best,), (*others, *(t for t in plain if t is not best)))
    return SelectedGene(gene, plain, others)


def _rank(transcript: Transcript) -> tuple[bool, bool, str, int, int, str]:
    """Least for the canonical one: MANE Select, Ensembl canonical, APPRIS, longest coding part, longest, first id."""
    appris = min((tag for tag in transcript.tags if tag.startswith(_APPRIS)), default="none")
    return (
        "MANE_Select" not in transcript.tags,
        "Ensembl_canonical" not in transcript.tags,
        appris,
        -transcript.cds_length,
        -transcript.length,
        transcript.transcript_id,
    )


def chosen_genes(
    genes: Sequence[GeneModel], ids: Collection[str] | None, chroms: Collection[str] | None
) -> tuple[GeneModel, ...]:
    """Those genes with one of the `ids` (or names) on one of the `chroms`; None for any.

    Raises
    ------
    InputError
        If an id or a contig names no gene.
    """
    _require_known(ids, {name for gene in genes for name in (gene.gene_id, gene.source_id, gene.gene_name)}, "--genes")
    _require_known(chroms, {gene.chrom for gene in genes}, "--chroms")
    return tuple(
        gene
        for gene in genes
        if (ids is None or not {gene.gene_id, gene.source_id, gene.gene_name}.isdisjoint(ids))
        and (chroms is None or gene.chrom in chroms)
    )


def _require_known(wanted: Collection[str] | None, known: Collection[str], option: str) -> None:
    if unknown := sorted(set(wanted or ()) - set(known)):
        names = sorted(name for name in known if name)
        some = ", ".join(names[:5]) + f" and {len(names) - 5} more" * (len(names) > 5)
        raise InputError(
            f"{option} must name genes that can be built",
            f"Found {len(unknown)} others: {', '.join(unknown[:5])}; known are {some}",
            "Check the names, and --gene-types",
        )


def require_types(selected: Sequence[SelectedGene], rules: GeneRules) -> None:
    """Refuse an annotation none of whose genes has one of the types, and tell of each type that no gene has.

    Raises
    ------
    InputError
        With the types that there are.
    """
    types = Counter(gene.model.gene_type for gene in selected)
    found = ", ".join(f"{name} ({count})" for name, count in types.most_common(8))
    if selected and not any(gene.built for gene in selected):
        raise InputError(
            f"The annotation must have genes of type {', '.join(rules.gene_types)}",
            f"Found {found}",
            "Give --gene-types all, or types of these",
        )
    if absent := [name for name in rules.gene_types if name not in types and name != ALL_TYPES]:
        logger.warning("--gene-types: no gene of the annotation has the type %s; found %s", ", ".join(absent), found)


def renamed(genes: Iterable[GeneModel], names: dict[str, str]) -> tuple[GeneModel, ...]:
    """The genes on contigs of other names; `names` maps names in the annotation to names in the genome."""
    return tuple(replace(gene, chrom=names[gene.chrom]) for gene in genes)
