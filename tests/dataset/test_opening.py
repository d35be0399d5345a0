"""All tables of a run are opened at its start."""

from __future__ import annotations

from pathlib import Path

import pytest
from tables import make_frame, write_table

from meta_models.config import TrainingConfig
from meta_models.dataset.opening import open_tables
from meta_models.dataset.positions import read_again, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError


def test_the_profile_knows_the_rows_of_every_table(tmp_path: Path) -> None:
    table, small, large = (write_table(tmp_path / str(n), make_frame(n_genes=n)) for n in (20, 4, 7))
    config = TrainingConfig(
        dataset=str(table), mine_negatives=str(small), oof_dataset=str(large), eval_dataset=str(small)
    )
    tables = open_tables(config, tmp_path / "work", 10**10)
    profile = tables.profile()
    assert profile.genes == 20
    assert profile.pool_rows == make_frame(n_genes=4).height
    assert profile.scored_rows == make_frame(n_genes=7).height
    assert tables.external is not None


@pytest.mark.parametrize("option", ["mine_negatives", "oof_dataset", "eval_dataset"])
def test_what_ails_a_table_costs_no_training(tmp_path: Path, option: str) -> None:
    table = write_table(tmp_path / "table", make_frame(n_genes=20))
    other = write_table(tmp_path / "other", make_frame(n_genes=4).drop("splice_type"))
    with pytest.raises(InputError, match="splice_type"):
        open_tables(TrainingConfig(dataset=str(table), **{option: str(other)}), tmp_path / "work", 10**10)


def test_a_table_that_was_changed_meanwhile_is_not_scored(tmp_path: Path) -> None:
    table = write_table(tmp_path / "table", make_frame(n_genes=6))
    dataset = open_dataset(table, work_dir=tmp_path / "work")
    assert read_again(dataset).frame.equals(read_positions(dataset).frame)
    (tmp_path / "other").mkdir()
    write_table(tmp_path / "other", make_frame(n_genes=6, seed=1))
    (tmp_path / "other" / "part_0.parquet").replace(table / "part_0.parquet")
    with pytest.raises(InputError, match="was changed since"):
        read_again(dataset)
    (table / "part_0.parquet").unlink()
    with pytest.raises(InputError, match="must be readable"):
        read_again(dataset)
