"""Nothing reads the table whole: scans and screening go through it in pieces, with the same result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.dataset.reading import reader
from meta_models.dataset.reading.open import open_dataset
from meta_models.training.screening import table as screen_table_module
from meta_models.training.screening.table import screen_table


@pytest.mark.parametrize("row_group", [37, 100, 5000])
@pytest.mark.parametrize("masked", [False, True])
def test_pieces_of_row_groups_are_read_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row_group: int, masked: bool
) -> None:
    frame = make_frame(n_genes=100, rows=50)
    dataset = open_dataset(write_table(tmp_path / "t", frame, files=2, row_group=row_group), work_dir=tmp_path)
    mask = np.random.default_rng(0).random(frame.height) < 0.2 if masked else np.ones(frame.height, bool)
    dataset = dataset.with_rows(mask)
    monkeypatch.setattr(reader, "SCAN_BYTES", 1024 * 32)
    runs = [run for file in dataset.files for run in dataset._runs(file, 0, 1024)]
    assert max(rows for _, rows in runs) <= 1024
    expected = frame.filter(pl.Series(mask)).select(dataset.features).cast(pl.Float32).to_numpy()
    np.testing.assert_array_equal(np.concatenate(list(dataset.iter_matrix(dataset.features, 300))), expected)
    rows = np.arange(3, dataset.n_rows, 7)
    np.testing.assert_array_equal(dataset.read_rows(rows, dataset.features), expected[rows])


def test_row_groups_without_a_row_in_use_are_not_read(tmp_path: Path) -> None:
    dataset = open_dataset(write_table(tmp_path / "t", make_frame(), row_group=100), work_dir=tmp_path)
    mask = np.zeros(dataset.n_rows, bool)
    mask[[150, 199, 310]] = True
    restricted = dataset.with_rows(mask)
    assert list(restricted._runs(restricted.files[0], 0, 10_000)) == [(100, 100), (300, 100)]


def test_screening_in_blocks_of_columns_finds_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = make_frame(n_genes=80, rows=40, n_features=30)
    label = (frame["splice_type"] == "donor").cast(pl.Float32)
    frame = frame.with_columns(leak=label, transcript_count=label * 2 + 1)
    task = make_task(tmp_path, frame)
    config = TrainingConfig(screening_share=1.0)
    held = screen_table(task.dataset, task.positions, config)
    monkeypatch.setattr(screen_table_module, "HELD_BYTES", 4 * frame.height * 3)
    blocks = screen_table(task.dataset, task.positions, config)
    assert held.excluded
    assert blocks.report.csv() == held.report.csv()
    assert blocks.features == held.features
