"""``dataset_info.json`` is read in the forms that people write, or refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

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


@pytest.mark.parametrize(
    ("key", "value"),
    [
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
