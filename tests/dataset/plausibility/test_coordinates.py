"""Positions are whole numbers or unknown."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from reading import refusal
from tables import make_frame, write_table

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset

FRAME = make_frame(n_genes=8)


def table(folder: Path, value: float | None, column: str = "position") -> Path:
    frame = FRAME.with_columns(genomic_position=pl.col("position"))
    one = pl.when(pl.int_range(pl.len()) == 5).then(pl.lit(value, pl.Float64))
    return write_table(folder / "t", frame.with_columns(one.otherwise(pl.col(column).cast(pl.Float64)).alias(column)))


@pytest.mark.parametrize("column", ["position", "genomic_position"])
@pytest.mark.parametrize("value", [float("nan"), 4.5, float("inf"), -0.5])
def test_other_values_are_refused_by_column_count_and_example(tmp_path: Path, value: float, column: str) -> None:
    text = refusal(table(tmp_path, value, column))
    assert f"Column {column!r}" in text
    assert f"Found 1 other value, such as {value}" in text


def test_null_and_whole_floats_are_fine(tmp_path: Path) -> None:
    assert refusal(table(tmp_path, None)) == ""
    assert refusal(table(tmp_path / "w", 123456.0)) == ""


def test_short_floats_that_leave_out_whole_numbers_are_refused(tmp_path: Path) -> None:
    """Positions 16,777,217 and 16,777,216 are the same number of 32 bits."""
    frame = FRAME.with_columns(genomic_position=pl.col("position") + 2**24)
    for dtype, refused in ((pl.Float32, True), (pl.Float64, False), (pl.Int32, False)):
        folder = write_table(tmp_path / f"{dtype}", frame.with_columns(pl.col("genomic_position").cast(dtype)))
        assert ("beyond 16,777,216, where its type (float) leaves out" in refusal(folder)) is refused
    near = FRAME.with_columns(genomic_position=pl.col("position").cast(pl.Float32))
    assert refusal(write_table(tmp_path / "near", near)) == ""


def test_text_is_told_of(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "t", FRAME.with_columns(position="chr1:" + pl.col("position").cast(pl.String)))
    positions = read_positions(open_dataset(folder, work_dir=tmp_path))
    assert positions.warnings == ("Column 'position' holds no numbers (large_string) and is not used.",)
    assert "position" not in positions.frame.columns


def test_decimals(tmp_path: Path) -> None:
    half = pl.col("position").cast(pl.Decimal(10, 1)) + pl.lit("0.5").str.to_decimal(scale=1)
    assert "such as 0.5" in refusal(write_table(tmp_path / "t", FRAME.with_columns(position=half)))


def test_negative_positions_are_told_of(tmp_path: Path) -> None:
    frame = FRAME.with_columns(position=pl.col("position") - 1, genomic_position=pl.col("position"))
    positions = read_positions(open_dataset(write_table(tmp_path / "t", frame), work_dir=tmp_path))
    assert positions.warnings == ("Column 'position' holds 8 negative positions.",)
