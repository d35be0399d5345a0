"""Small files are read together."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from tables import make_frame, write_table

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.reading.runs import Run, together


def groups(dataset: Dataset, most: int) -> list[list[int]]:
    runs = [Run(file, 0, file.rows, 0) for file in dataset.files]
    return [[run.rows for run in group] for group in together(runs, most)]


def test_files_as_they_lie_on_disk_are_read_together(tmp_path: Path) -> None:
    """They differ in path, row groups, and in what is remembered of each to see that it stays as it is."""
    dataset = open_dataset(write_table(tmp_path / "t", make_frame(), files=6), work_dir=tmp_path / "w")
    assert len({file.stamp for file in dataset.files}) > 1
    rows = [file.rows for file in dataset.files]
    assert groups(dataset, sum(rows)) == [rows]
    assert groups(dataset, rows[0] + rows[1]) == [rows[:2], rows[2:4], rows[4:]]


def test_files_of_other_types_are_not(tmp_path: Path) -> None:
    folder, frame = tmp_path / "t", make_frame()
    write_table(folder, frame, files=2)
    others = make_frame(seed=1).with_columns(pl.col("feature_1").cast(pl.Float64), gene_id="H" + pl.col("gene_id"))
    others.write_parquet(folder / "z.parquet")
    dataset = open_dataset(folder, work_dir=tmp_path / "w")
    assert [len(group) for group in groups(dataset, 10**6)] == [2, 1]
