"""Chromosomes of the base model's training: matched by what they are, and refused where they match nothing."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.analysis.comparison.evaluate import standard_strata
from meta_models.config import TrainingConfig
from meta_models.dataset.info import DatasetInfo
from meta_models.dataset.opening import open_tables
from meta_models.dataset.plausibility.base_chromosomes import require_chromosomes
from meta_models.errors import InputError, UsageError

FRAME = pl.DataFrame({"chrom": ["chr1", "chr2", "Chr3", "4", "chrM", "NC_000009.12", None]})


@pytest.mark.parametrize("names", [["chr1"], ["1", "2"], ["CHR3", "chr4", "MT"], ["NC_000009.12"], []])
def test_names_that_have_rows(names: list[str]) -> None:
    require_chromosomes(FRAME, names, DatasetInfo(), "t")
    require_chromosomes(FRAME, None, DatasetInfo(base_train_chroms=tuple(names)), "t")


@pytest.mark.parametrize("names", [["chr1,chr2"], ["chr1", "chr9"], ["9"], ["NC_000001.11"]])
def test_names_without_rows_are_listed_beside_those_of_the_table(names: list[str]) -> None:
    with pytest.raises(UsageError, match=r"--base-train-chroms .* the table has 4, Chr3, NC_000009.12, chr1"):
        require_chromosomes(FRAME, names, DatasetInfo(), "t")
    with pytest.raises(InputError, match=r"chroms_train in dataset_info.json .*chroms_test"):
        require_chromosomes(FRAME, None, DatasetInfo(base_train_chroms=tuple(names)), "t")


def test_a_table_without_chromosomes() -> None:
    with pytest.raises(UsageError, match="no column chrom"):
        require_chromosomes(FRAME.drop("chrom").with_columns(x=1), ["chr1"], DatasetInfo(), "t")


def test_a_table_of_test_chromosomes_alone() -> None:
    frame, train = FRAME.filter(pl.col("chrom") == "chr1"), ("chr2", "chr4")
    require_chromosomes(frame, None, DatasetInfo(base_train_chroms=train, base_test_chroms=("1", "3")), "t")
    for kept in (None, (), ("chr3",)):
        with pytest.raises(InputError):
            require_chromosomes(frame, None, DatasetInfo(base_train_chroms=train, base_test_chroms=kept), "t")


def test_what_is_not_known_is_a_stratum_of_its_own() -> None:
    strata = standard_strata(FRAME, ["1", "Chr3"])
    rows = {name: FRAME.filter(mask)["chrom"].to_list() for name, mask in strata.items()}
    assert rows["base-train chromosomes"] == ["chr1", "Chr3"]
    assert rows["other chromosomes"] == ["chr2", "4", "chrM"]
    assert rows["unknown chromosomes"] == ["NC_000009.12", None]
    assert "unknown chromosomes" not in standard_strata(FRAME.head(5), ["1"])
    assert set(standard_strata(FRAME)) == {"all"}


def test_they_are_checked_before_genes_are_sampled(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", make_frame(20))
    config = TrainingConfig(dataset=str(folder), sample_genes=1, base_train_chroms=("1", "2", "3", "4"))
    assert open_tables(config, tmp_path / "w", 10**10).positions.frame["chrom"].n_unique() == 1
    (folder / "dataset_info.json").write_text(json.dumps({"base_model": {"chroms_train": "chr1, chr9"}}))
    with pytest.raises(InputError, match="Found no row of chr9"):
        open_tables(TrainingConfig(dataset=str(folder)), tmp_path / "w", 10**10)
