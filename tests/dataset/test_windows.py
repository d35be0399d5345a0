"""Windows in the column ``sequence``: which are sound, and what is said of those that are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from window_tables import WINDOW, window_frame, write_windows

from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset
from meta_models.dataset.windows import has_windows, needs_genes, window_codes, window_of
from meta_models.errors import InputError


def opened(folder: Path, frame: pl.DataFrame) -> Dataset:
    return open_dataset(write_windows(folder / "table", frame), work_dir=folder)


def replaced(row: int, value: str | None) -> pl.DataFrame:
    frame = window_frame(genes=10)
    return frame.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(pl.lit(value)).otherwise("sequence").alias("sequence")
    )


def test_bases_become_codes_in_either_case() -> None:
    text = pl.Series(["ACGTN", "acgtn", "NNaNN"])
    assert window_codes(text, 5).tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 3, 4], [4, 4, 0, 4, 4]]
    assert window_codes(text, 3).tolist() == [[1, 2, 3], [1, 2, 3], [4, 0, 4]]
    assert window_codes(text, 1)[:, 0].tolist() == [2, 2, 0]
    assert window_codes(text[:0], 5).shape == (0, 5)


def test_a_table_has_windows_of_one_length(tmp_path: Path) -> None:
    dataset = opened(tmp_path, window_frame(genes=10))
    assert has_windows(dataset)
    assert window_of(dataset) == window_of(dataset, WINDOW) == window_of(dataset, 11) == WINDOW


@pytest.mark.parametrize(
    ("row", "value", "words"),
    [
        (70, "ACRT" * 20, r"letters ACGTN alone. Found 'ACRTACRTACRTACRTACRTACRTACRTACRTACRTACRT\.\.\.' in row 71 "),
        (3, None, "Found nothing in row 4 "),
        (3, "", "Found '' in row 4 "),
        (0, "AC GT", "Found 'AC GT' in row 1 "),
        (5, "A" * 39, "one odd length.* Found 39 bases in 1 row, 41 bases in 119 rows. Pad them with N to 41 bases"),
        (5, "A" * 42, "Found 41 bases in 119 rows, 42 bases in 1 row. Pad them with N to 43 bases"),
    ],
)
def test_windows_that_are_none_are_refused_with_their_place(
    tmp_path: Path, row: int, value: str | None, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        window_of(opened(tmp_path, replaced(row, value)))


def test_even_and_short_windows_are_refused(tmp_path: Path) -> None:
    even = window_frame(genes=2).with_columns(pl.col("sequence").str.slice(1))
    with pytest.raises(InputError, match=r"Found 40 bases in 24 rows. Pad them with N to 41 bases"):
        window_of(opened(tmp_path / "even", even))
    with pytest.raises(InputError, match=r"windows of 43 bases.* Found 41 bases in 24 rows. Take longer windows"):
        window_of(opened(tmp_path / "short", window_frame(genes=2)), 43)


def test_many_lengths_are_counted_and_the_first_are_shown(tmp_path: Path) -> None:
    frame = window_frame(genes=2)
    lengths = pl.Series("sequence", ["A" * (1 + 2 * (row % 12)) for row in range(frame.height)])
    with pytest.raises(InputError, match=r"1 bases in 2 rows, .* and 2 other lengths"):
        window_of(opened(tmp_path, frame.with_columns(lengths)))


def test_rows_in_use_alone_are_looked_at(tmp_path: Path) -> None:
    dataset = opened(tmp_path, replaced(70, "X"))
    assert window_of(dataset.with_rows(np.arange(dataset.n_rows) != 70)) == WINDOW


def test_numbers_are_no_windows_and_the_refusal_names_both_ways_in(tmp_path: Path) -> None:
    frame = window_frame(genes=2)
    assert not has_windows(opened(tmp_path, frame.drop("sequence")))
    text = str(needs_genes("tcn", "rows"))
    assert "tcn reads whole genes" in text
    assert "genes/" in text
    assert "whose column 'sequence' holds the bases around each position" in text


def test_text_of_some_rows(tmp_path: Path) -> None:
    frame = window_frame(genes=10)
    found = opened(tmp_path, frame).read_text_rows(np.array([2, 59, 60, 119]), "sequence")
    assert found.to_list() == frame["sequence"][[2, 59, 60, 119]].to_list()
