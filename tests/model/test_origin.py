"""A model that went on from another one has seen what both have seen."""

from __future__ import annotations

import pytest

from meta_models.model import ModelInfo
from meta_models.model.origin import STARTED_FROM, assembly_of, earlier_of, loci_elsewhere, started_from

WORM = {"dataset": {"assembly": "WBcel235"}}
HUMAN = {"dataset": {"assembly": "GRCh38"}}


def info(genes: str, loci: tuple[str, ...], provenance: dict[str, object] | None = None) -> ModelInfo:
    return ModelInfo(
        "single_model", tuple(sorted(genes)), tuple(sorted(genes.upper())), loci=loci, provenance=provenance or {}
    )


def test_genes_families_and_stretches_are_those_of_both() -> None:
    found = started_from(info("ac", ("1:+:10-20", "1:+:50-60")), info("bc", ("1:+:15-30", "2:-:1-5")), {"run": "old"})
    assert found.genes == ("a", "b", "c")
    assert found.families == ("A", "B", "C")
    assert found.loci == ("1:+:10-30", "1:+:50-60", "2:-:1-5")
    assert found.provenance[STARTED_FROM] == [{"run": "old", "genes": 2, "assembly": None}]
    assert loci_elsewhere(found) == {}


def test_stretches_of_another_assembly_are_kept_apart_and_passed_on() -> None:
    worm = info("w", ("1:+:10-20",), WORM)
    human = started_from(info("h", ("1:+:15-30",), HUMAN), worm, {"run": "worm"})
    assert human.loci == ("1:+:15-30",)
    assert assembly_of(human) == "GRCh38"
    assert loci_elsewhere(human) == {"WBcel235": ("1:+:10-20",)}
    third = started_from(info("m", ("1:+:1-2",), {"dataset": {"assembly": "GRCm39"}}), human, {"run": "human"})
    assert loci_elsewhere(third) == {"WBcel235": ("1:+:10-20",), "GRCh38": ("1:+:15-30",)}
    assert third.genes == ("h", "m", "w")
    assert [step["run"] for step in third.provenance[STARTED_FROM]] == ["human", "worm"]


@pytest.mark.parametrize("chain", [None, 3, "text", [1, None], [{"loci": 3}]])
def test_what_a_file_says_otherwise_is_nothing(chain: object) -> None:
    assert loci_elsewhere(info("a", (), {STARTED_FROM: chain})) == {}


def test_members_tell_of_each_step_once() -> None:
    one = started_from(info("a", ()), info("b", ()), {"run": "old"})
    assert earlier_of([one, one, info("c", ())]) == {STARTED_FROM: one.provenance[STARTED_FROM]}
    assert earlier_of([info("c", ())]) == {}
