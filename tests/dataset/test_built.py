from __future__ import annotations

import json
from pathlib import Path

import pytest
from built_genes import RECIPE, made_up_gene, write_genes

from meta_models.dataset.built import BuiltFolder, is_built, table_of
from meta_models.dataset.info import read_info
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError

SHARES = {"neither": 0.98, "donor": 0.01, "acceptor": 0.01}


@pytest.fixture
def built(tmp_path: Path, demo_table: Path) -> Path:
    folder = tmp_path / "built"
    write_genes(folder / "genes", [made_up_gene(k, 20) for k in range(4)])
    (folder / "master").mkdir()
    for file in demo_table.glob("*.parquet"):
        (folder / "master" / file.name).symlink_to(file)
    info = {"recipe": RECIPE.to_json(), "true_prevalence": SHARES}
    (folder / "dataset_info.json").write_text(json.dumps(info))
    return folder


def test_a_built_folder_knows_its_parts(built: Path) -> None:
    assert is_built(built)
    opened = BuiltFolder.open(built)
    assert opened.recipe == RECIPE
    assert opened.master == built / "master"
    assert len(opened.genes) == 4
    assert opened.info.true_prevalence == (0.98, 0.01, 0.01)


def test_its_table_is_opened_through_either_folder_with_its_info(built: Path, tmp_path: Path) -> None:
    whole = open_dataset(built, work_dir=tmp_path / "w")
    master = open_dataset(built / "master", work_dir=tmp_path / "w")
    assert [file.path for file in whole.files] == [file.path for file in master.files]
    assert whole.info.true_prevalence == master.info.true_prevalence == (0.98, 0.01, 0.01)


def test_its_genes_are_no_table(built: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"Give the built folder itself: {built}\.$"):
        open_dataset(built / "genes", work_dir=tmp_path / "w")


def test_other_folders_stay_as_they_are(tmp_path: Path, demo_table: Path) -> None:
    assert table_of(demo_table) == demo_table
    assert read_info(tmp_path).true_prevalence is None
    with pytest.raises(InputError, match="must be a folder of meta-models build"):
        BuiltFolder.open(demo_table)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recipe": {"format": 99}}', "[" * 100_000])
def test_a_damaged_info_is_refused(built: Path, text: str) -> None:
    (built / "dataset_info.json").write_text(text)
    with pytest.raises(InputError):
        BuiltFolder.open(built)


def test_groups_of_features_and_folders_of_another_version_are_refused(built: Path) -> None:
    info = json.loads((built / "dataset_info.json").read_text())
    info["recipe"]["groups"][0]["version"] = 9
    (built / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="the recipe was written for version 9"):
        BuiltFolder.open(built)
    (built / "dataset_info.json").write_text(json.dumps({**info, "format": 99}))
    with pytest.raises(InputError, match=r"Folders of format 1.*says 99"):
        BuiltFolder.open(built)
