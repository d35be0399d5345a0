"""What a model was trained on that went on from another one: all that either of them saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from meta_models.dataset.genes.loci import Locus, merged
from meta_models.model.base import Json, ModelInfo

#: In ``ModelInfo.provenance``: the models that it went on from, the last one first.
STARTED_FROM = "started_from"


def started_from(info: ModelInfo, earlier: ModelInfo, facts: Mapping[str, Json]) -> ModelInfo:
    """`info` of a model that went on from another one: genes, families and stretches are those of both.

    Stretches of another assembly are kept apart, under `STARTED_FROM`.

    Parameters
    ----------
    earlier : ModelInfo
        Of the model that it went on from.
    facts : mapping
        What else is to be told of that: its name and its hash.
    """
    same = _may_be_same(assembly_of(info), assembly_of(earlier))
    told: dict[str, Json] = {**facts, "genes": len(earlier.genes), "assembly": assembly_of(earlier)}
    if not same:
        told["loci"] = list(earlier.loci)
    chain = [told, *_chain(earlier)]
    return replace(
        info,
        genes=tuple(sorted({*info.genes, *earlier.genes})),
        families=tuple(sorted({*info.families, *earlier.families})),
        loci=joined_loci([*info.loci, *earlier.loci]) if same else info.loci,
        provenance={**info.provenance, STARTED_FROM: chain},
    )


def assembly_of(info: ModelInfo) -> str | None:
    """The assembly that the stretches of a model lie on; None where it is not known."""
    facts = info.provenance.get("dataset")
    assembly = facts.get("assembly") if isinstance(facts, Mapping) else None
    return assembly if isinstance(assembly, str) else None


def loci_elsewhere(info: ModelInfo) -> dict[str | None, tuple[str, ...]]:
    """Stretches, by assembly, of models that a model went on from, where these are not among its own."""
    found: dict[str | None, list[str]] = {}
    for step in _chain(info):
        assembly, loci = step.get("assembly"), step.get("loci")
        if isinstance(loci, list | tuple):
            found.setdefault(assembly if isinstance(assembly, str) else None, []).extend(map(str, loci))
    return {assembly: joined_loci(loci) for assembly, loci in found.items()}


def _chain(info: ModelInfo) -> list[Mapping[str, Json]]:
    chain = info.provenance.get(STARTED_FROM)
    return [step for step in chain if isinstance(step, Mapping)] if isinstance(chain, list | tuple) else []


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


def _may_be_same(one: str | None, other: str | None) -> bool:
    return one is None or other is None or one == other
