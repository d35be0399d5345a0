"""A table with columns beside those on disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.widened import widened


@pytest.fixture
def plain(demo_table: Path, tmp_path: Path) -> Dataset:
    return open_dataset(demo_table, work_dir=tmp_path)


@pytest.fixture
def wide(plain: Dataset) -> Dataset:
    return widened(plain, {"first": np.arange(plain.n_rows, dtype=np.float32)})


def test_added_columns_are_features_that_stand_last(plain: Dataset, wide: Dataset) -> None:
    assert wide.features == (*plain.features, "first")
    assert wide.n_rows == plain.n_rows
    assert widened(plain, {}) is plain


def test_rows_have_their_own_values(plain: Dataset, wide: Dataset) -> None:
    name = plain.features[3]
    found = np.concatenate(list(wide.iter_matrix(["first", name], 1000)))
    expected = np.concatenate(list(plain.iter_matrix([name])))[:, 0]
    np.testing.assert_array_equal(found, np.column_stack([np.arange(plain.n_rows), expected]))


def test_added_columns_can_be_read_alone(wide: Dataset) -> None:
    frames = list(wide.iter_frames([pl.col("first") + 1], 777))
    np.testing.assert_array_equal(pl.concat(frames)["first"].to_numpy(), np.arange(wide.n_rows) + 1)


def test_some_rows_keep_their_values(wide: Dataset) -> None:
    mask = np.arange(wide.n_rows) % 5 == 2
    some = wide.with_rows(mask)
    np.testing.assert_array_equal(np.concatenate(list(some.iter_matrix(["first"])))[:, 0], np.flatnonzero(mask))
    again = some.with_rows(np.arange(some.n_rows) == 3)
    assert again.read_rows(np.array([0]), ["first"]).item() == 17
    np.testing.assert_array_equal(wide.read_rows(np.array([4, 9]), ["first"])[:, 0], [4, 9])
