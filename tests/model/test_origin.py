"""A model that went on from another one has seen what both have seen."""

from __future__ import annotations

import pytest

from meta_models.dataset.genes.genome import Genome, Stretches
from meta_models.model import ModelInfo
from meta_models.model.origin import STARTED_FROM, earlier_of, genome_of, started_from, stretches_of

HUMAN = {"dataset": {"assembly": "GRCh38"}}


def info(genes: str, loci: tuple[str, ...], provenance: dict[str, object] | None = None) -> ModelInfo:
    return ModelInfo(
        "single_model", tuple(sorted(genes)), tuple(sorted(genes.upper())), loci=loci, provenance=provenance or {}
    )


def test_genes_and_families_are_those_of_both_and_stretches_are_kept_apart() -> None:
    found = started_from(info("ac", ("1:+:10-20", "1:+:50-60")), info("bc", ("1:+:15-30", "2:-:1-5")), {"run": "old"})
    assert found.genes == ("a", "b", "c")
    assert found.families == ("A", "B", "C")
    step = {"run": "old", "genes": 2, "assembly": None, "contigs": {}, "loci": ["1:+:15-30", "2:-:1-5"]}
    assert found.provenance[STARTED_FROM] == [step]
    assert stretches_of(found) == (Stretches(Genome(), found.loci), Stretches(Genome(), ("1:+:15-30", "2:-:1-5")))


def test_stretches_of_all_steps_are_passed_on_with_their_genomes() -> None:
    worm = info("w", ("1:+:10-20",), {"dataset": {"assembly": "WBcel235", "contigs": {"1": 900, "7": 3}}})
    human = started_from(info("h", ("1:+:15-30",), HUMAN), worm, {"run": "worm"})
    third = started_from(info("m", ("1:+:1-2",), {"dataset": {"assembly": "GRCm39"}}), human, {"run": "human"})
    assert stretches_of(third) == (
        Stretches(Genome("GRCm39"), ("1:+:1-2",)),
        Stretches(Genome("GRCh38"), ("1:+:15-30",)),
        Stretches(Genome("WBcel235", {"1": 900}), ("1:+:10-20",)),
    )
    assert third.genes == ("h", "m", "w")
    assert [step["run"] for step in third.provenance[STARTED_FROM]] == ["human", "worm"]


@pytest.mark.parametrize("chain", [None, 3, "text", [1, None]])
def test_what_a_file_says_otherwise_is_nothing(chain: object) -> None:
    found = info("a", ("1:+:1-2",), {STARTED_FROM: chain, **HUMAN})
    assert stretches_of(found) == (Stretches(Genome("GRCh38"), ("1:+:1-2",)),)


@pytest.mark.parametrize("step", [{"run": "old"}, {"loci": 3}])
def test_stretches_that_earlier_versions_joined_are_of_no_known_genome(step: object) -> None:
    found = info("a", ("1:+:1-2",), {STARTED_FROM: [step], **HUMAN})
    assert stretches_of(found) == (Stretches(Genome(), ("1:+:1-2",)),)


@pytest.mark.parametrize("facts", [None, 3, {"assembly": 3, "contigs": "text"}, {"contigs": {"1": "long", "2": True}}])
def test_of_a_genome_that_is_told_otherwise_nothing_is_known(facts: object) -> None:
    assert genome_of(info("a", (), {"dataset": facts})) == Genome()


def test_members_tell_of_each_step_once() -> None:
    one = started_from(info("a", ()), info("b", ()), {"run": "old"})
    assert earlier_of([one, one, info("c", ())]) == {STARTED_FROM: one.provenance[STARTED_FROM]}
    assert earlier_of([info("c", ())]) == {}
