"""``dataset_info.json`` is read in the forms that people write, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from meta_models.dataset.genes.genome import Genome
from meta_models.dataset.info import DatasetInfo, read_info
from meta_models.errors import InputError


def read(folder: Path, **content: Any) -> DatasetInfo:
    (folder / "dataset_info.json").write_text(json.dumps(content))
    return read_info(folder)


@pytest.mark.parametrize("said", ["chr1,chr2", "chr1, chr2", "chr1 chr2", ["chr1", "chr2"], "chr1;chr2,"])
def test_chromosomes_in_a_list_or_a_text(tmp_path: Path, said: object) -> None:
    assert read(tmp_path, base_model={"chroms_train": said}).base_train_chroms == ("chr1", "chr2")


def test_chromosomes_as_numbers_none_and_unknown(tmp_path: Path) -> None:
    assert read(tmp_path, base_model={"chroms_train": [1, "X"]}).base_train_chroms == ("1", "X")
    assert read(tmp_path, base_model={"chroms_train": []}).base_train_chroms == ()
    assert read(tmp_path, base_model={"chroms_train": None}).base_train_chroms is None
    assert read(tmp_path, base_model={"chroms_test": "chr1"}).base_test_chroms == ("chr1",)


def test_a_base_model_by_its_name_and_licences_in_every_form(tmp_path: Path) -> None:
    assert read(tmp_path, base_model="SpliceAI").base_model_name == "SpliceAI"
    assert read(tmp_path, licences={"b": 1, "a": "MIT"}).licences == ("a: MIT", "b: 1")
    assert read(tmp_path, licences=["MIT"]).licences == ("MIT",)
    assert read(tmp_path, licences="MIT").licences == ("MIT",)
    assert read(tmp_path, name=7, assembly="GRCh38").assembly == "GRCh38"


def test_lengths_of_contigs_alone_or_among_other_facts(tmp_path: Path) -> None:
    for contigs in ({"chr1": 900, "MT": 16}, {"1": {"length": 900, "sha256": "a"}, "chrM": {"length": 16}}):
        assert read(tmp_path, genome={"contigs": contigs}).genome == Genome(None, {"1": 900, "MT": 16})
    for nothing in (None, "hg38", {}, {"contigs": None}):
        assert read(tmp_path, genome=nothing).contigs == {}


def test_an_assembly_without_a_name_is_not_known(tmp_path: Path) -> None:
    assert read(tmp_path, assembly=" ").assembly is None


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset_info.json").write_text('{"assembly": "hg19", "assembly": "hg38"}')
    with pytest.raises(InputError, match="it has 'assembly' twice"):
        read_info(tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"true_prevelance": {"neither": 1}}, "must say 'true_prevalence' by that name. Found 'true_prevelance'"),
        ({"base_model": {"train_chroms": [], "chroms_trained": ["chr1"]}}, "'chroms_train' .* Found 'chroms_trained'"),
    ],
)
def test_a_mistyped_key_is_refused(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(tmp_path, **content)
    assert read(tmp_path, base_models=["a"], license="MIT", assembly_note="x").base_model_name is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("genome.contigs", {"genome": {"contigs": {"chr1": {"length": "900"}}}}),
        ("genome.contigs", {"genome": {"contigs": {"chr1": -1}}}),
        ("genome.contigs", {"genome": {"contigs": [["chr1", 900]]}}),
        ("chroms_train", {"base_model": {"chroms_train": {"a": 1}}}),
        ("chroms_train", {"base_model": {"chroms_train": [1.5]}}),
        ("chroms_train", {"base_model": {"chroms_train": 7}}),
        ("chroms_test", {"base_model": {"chroms_test": [True]}}),
        ("base_model", {"base_model": [1]}),
        ("licences", {"licences": 5}),
        ("assembly", {"assembly": ["a"]}),
        ("The recipe in .*dataset_info.json", {"recipe": "flour"}),
        (
            "recipe of format 1",
            {"recipe": {"format": 9, "models": [], "evidence": [], "groups": [], "flank": 1, "context": "genome"}},
        ),
        ("true_prevalence", {"true_prevalence": {"neither": 1 - 1e-30, "donor": 1e-30, "acceptor": 1e-30}}),
    ],
)
def test_other_forms_are_refused_by_their_key(tmp_path: Path, key: str, value: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=key):
        read(tmp_path, **value)
