"""Which rows are told to have been trained on."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from meta_models.dataset.genes.genome import Genome
from meta_models.inference.checks.seen import SeenRows
from meta_models.model import ModelInfo


def seen(facts: dict[str, Any], table: Genome, **columns: Any) -> list[bool | None]:
    info = ModelInfo(
        "single_model", genes=("ENSG00000000001.2",), families=("F1",),
        loci=("1:+:100-200", "1:+:300-400", "2:-:50-60"), provenance={"dataset": facts},
    )  # fmt: skip
    return SeenRows(info, table).of(pl.DataFrame(columns)).to_list()


ROWS = {
    "gene_id": ["R"] * 7,
    "chrom": ["chr1", "1", "1", "1", "2", "2", None],
    "strand": ["+", "+", "+", "-", "-", None, "+"],
    "genomic_position": [100, 201, 400, 100, 55, 60, 100],
}
INSIDE = [True, False, True, False, True, True, False]


@pytest.mark.parametrize(
    ("facts", "table", "on_1", "on_2"),
    [
        ({"contigs": {"1": 900, "2": 80}}, Genome(contigs={"1": 900, "2": 80}), True, True),
        ({"contigs": {"1": 900, "2": 80}}, Genome(contigs={"1": 900, "2": 81}), True, False),
        ({"contigs": {"1": 900}}, Genome(contigs={"1": 900, "2": 80}), True, None),
        ({"assembly": "ce11"}, Genome(assembly="ce11"), True, True),
        ({"assembly": "ce11"}, Genome(assembly="ce10"), False, False),
        ({}, Genome(), None, None),
    ],
)
def test_positions_count_where_the_genome_is_the_same(
    facts: dict[str, Any], table: Genome, on_1: bool | None, on_2: bool | None
) -> None:
    of_chrom = {"chr1": on_1, "1": on_1, "2": on_2}
    expected = [inside and of_chrom.get(str(chrom)) for inside, chrom in zip(INSIDE, ROWS["chrom"], strict=True)]
    assert seen(facts, table, **ROWS) == expected


TOLD = {"assembly": "hg38", "contigs": {"3": 50}}
ROWS_ON_3 = {"gene_id": ["R"] * 3, "chrom": ["1", "3", "3"], "strand": ["+"] * 3, "genomic_position": [150, 15, 25]}


def went_on(step: dict[str, Any]) -> ModelInfo:
    facts = {"dataset": {"contigs": {"1": 900}}, "started_from": [step]}
    return ModelInfo("single_model", genes=("G1",), loci=("1:+:100-200",), provenance=facts)


@pytest.mark.parametrize(
    ("genome", "expected"),
    [
        (Genome(contigs={"1": 900, "3": 50}), [True, True, False]),
        (Genome(contigs={"1": 900, "3": 51}), [True, False, False]),
        (Genome(contigs={"1": 900}), [True, None, False]),
        (Genome("GRCh38.p14"), [None, True, False]),
    ],
)
def test_stretches_of_each_model_gone_on_from_are_of_its_own_genome(
    genome: Genome, expected: list[bool | None]
) -> None:
    info = went_on({"loci": ["3:+:10-20"], **TOLD})
    assert SeenRows(info, genome).of(pl.DataFrame(ROWS_ON_3)).to_list() == expected


def test_of_stretches_that_earlier_versions_joined_it_is_not_known_which_genome_they_are_of() -> None:
    found = SeenRows(went_on({"assembly": "hg38"}), Genome(contigs={"1": 900, "3": 50}))
    assert found.of(pl.DataFrame(ROWS_ON_3)).to_list() == [None, False, False]


def test_genes_and_families_are_known_by_name_wherever_they_lie() -> None:
    rows = {"gene_id": ["ENSG00000000001.7", "G2", "G3"], "gene_family": ["F2", "F1", "F3"]}
    assert seen({}, Genome(), **rows) == [True, True, False]
    lying = rows | {"chrom": ["1"] * 3, "genomic_position": [150] * 3}
    assert seen({}, Genome(), **lying) == [True, True, None]
