"""What a model was trained on that went on from another one: all that either of them saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from meta_models.dataset.genes.genome import UNKNOWN, Genome, Stretches
from meta_models.dataset.genes.loci import Locus, merged
from meta_models.model.base import Json, ModelInfo

#: In ``ModelInfo.provenance``: the models that it went on from, the last one first.
STARTED_FROM = "started_from"


def started_from(info: ModelInfo, earlier: ModelInfo, facts: Mapping[str, Json]) -> ModelInfo:
    """`info` of a model that went on from another one: genes and families are those of both.

    Stretches of the earlier one are kept apart, with what is known of their genome, under `STARTED_FROM`.

    Parameters
    ----------
    earlier : ModelInfo
        Of the model that it went on from.
    facts : mapping
        What else is to be told of that: its name and its hash.
    """
    genome = genome_of(earlier)
    lengths = {chrom: genome.contigs[chrom] for chrom in _chromosomes(earlier.loci) if chrom in genome.contigs}
    told: dict[str, Json] = {**facts, "genes": len(earlier.genes), "assembly": genome.assembly, "contigs": lengths}
    chain = [{**told, "loci": list(earlier.loci)}, *_chain(earlier)]
    return replace(
        info,
        genes=tuple(sorted({*info.genes, *earlier.genes})),
        families=tuple(sorted({*info.families, *earlier.families})),
        provenance={**info.provenance, STARTED_FROM: chain},
    )


def genome_of(info: ModelInfo) -> Genome:
    """What is known of the genome of the table that a model was trained on last."""
    facts = info.provenance.get("dataset")
    return _genome(facts) if isinstance(facts, Mapping) else UNKNOWN


def stretches_of(info: ModelInfo) -> tuple[Stretches, ...]:
    """The stretches that a model and those that it went on from were trained on, by genome.

    Earlier versions joined those of a model that it went on from to its own where their genomes might be the same: of
    such stretches it is not known which genome they are of.
    """
    chain = _chain(info)
    told = [(_genome(step), loci) for step in chain if isinstance(loci := step.get("loci"), list | tuple)]
    own = genome_of(info) if len(told) == len(chain) else UNKNOWN
    return (Stretches(own, info.loci), *(Stretches(genome, joined_loci(map(str, loci))) for genome, loci in told))


def earlier_of(infos: Iterable[ModelInfo]) -> dict[str, Json]:
    """What members of a combination went on from, for the provenance of the whole; empty where none did."""
    steps: list[Mapping[str, Json]] = []
    for step in (step for info in infos for step in _chain(info)):
        if step not in steps:
            steps.append(step)
    return {STARTED_FROM: steps} if steps else {}


def joined_loci(loci: Iterable[str]) -> tuple[str, ...]:
    """Stretches as few and sorted ones that do not overlap one another."""
    return merged((locus, 0) for locus in sorted({Locus.parse(text) for text in loci}))


def _chain(info: ModelInfo) -> list[Mapping[str, Json]]:
    chain = info.provenance.get(STARTED_FROM)
    return [step for step in chain if isinstance(step, Mapping)] if isinstance(chain, list | tuple) else []


def _genome(facts: Mapping[str, Json]) -> Genome:
    """The genome as a model file tells of it; what it does not tell is not known."""
    assembly, contigs = facts.get("assembly"), facts.get("contigs")
    lengths = contigs.items() if isinstance(contigs, Mapping) else ()
    return Genome(
        assembly if isinstance(assembly, str) else None,
        {str(name): length for name, length in lengths if type(length) is int},
    )


def _chromosomes(loci: Iterable[str]) -> list[str]:
    return sorted({Locus.parse(text).chrom for text in loci})
