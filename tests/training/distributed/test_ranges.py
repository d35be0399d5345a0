"""Which rows each shard holds."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import UsageError
from meta_models.training.distributed.ranges import shard_ranges, shard_table


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """720 rows in three files of row groups of 50 (the last of each has 40)."""
    frame = make_frame(n_genes=24).with_columns(number=pl.int_range(pl.len()).cast(pl.Float32))
    folder = write_table(tmp_path_factory.mktemp("table"), frame, files=3, row_group=50)
    return open_dataset(folder, work_dir=folder / "work")


def test_shards_end_with_row_groups_where_these_are_small(table: Dataset) -> None:
    assert [file.row_groups for file in table.files] == [(50, 50, 50, 50, 40)] * 3
    assert [(rows.start, rows.stop) for rows in shard_ranges(table, 2)] == [(0, 340), (340, 720)]
    assert [(rows.start, rows.stop) for rows in shard_ranges(table, 3)] == [(0, 240), (240, 480), (480, 720)]
    assert [rows.stop - rows.start for rows in shard_ranges(table, 24)] == [30] * 24


def test_rows_in_use_are_divided(table: Dataset) -> None:
    used = table.with_rows(np.arange(720) >= 360)
    assert [(rows.start, rows.stop) for rows in shard_ranges(used, 2)] == [(0, 170), (170, 360)]


@pytest.mark.parametrize("mask", [None, "even rows", "none of the second file"])
def test_a_shard_reads_its_own_rows_from_its_own_files(table: Dataset, mask: str | None) -> None:
    numbers = np.arange(720)
    kept = {"even rows": numbers % 2 == 0, "none of the second file": numbers // 240 != 1}.get(mask or "", numbers >= 0)
    used = table if mask is None else table.with_rows(kept)
    found = []
    for rows in shard_ranges(used, 4):
        own = shard_table(used, rows)
        found.append(np.concatenate([chunk[:, 0] for chunk in own.iter_matrix(["number"])]))
        assert own.n_rows == rows.stop - rows.start == len(found[-1])
        assert len(own.files) <= 2
    np.testing.assert_array_equal(np.concatenate(found), numbers[kept])


def test_more_workers_than_rows_are_refused(table: Dataset) -> None:
    with pytest.raises(UsageError, match=r"Each of 721 workers must hold rows.*has 720"):
        shard_ranges(table, 721)
