"""A feature that is left out for a word or two is told of."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset

_WORDS = pl.when(pl.int_range(pl.len()) == 8).then(pl.lit("N/A?")).otherwise(pl.col("feature_0").cast(pl.String))


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (_WORDS, "'feature_0' is text and left out, although 719 of the 720 values .* but not 'N/A\\?' in row 9\\."),
        (pl.col("feature_0").cast(pl.String), "'feature_0' is text .* 720 of the 720 values looked at are numbers\\.$"),
        (pl.lit("a word"), None),
        (pl.when(pl.int_range(pl.len()) % 2 == 0).then(pl.lit("1")).otherwise(pl.lit("A")), None),
        (pl.lit(None, pl.String), None),
    ],
)
def test_text_that_is_mostly_numbers_is_a_warning(tmp_path: Path, column: pl.Expr, told: str | None) -> None:
    table = write_table(tmp_path / "table", make_frame().with_columns(column.alias("feature_0")))
    warnings = [text for text in read_positions(open_dataset(table, work_dir=tmp_path)).warnings if "left out" in text]
    assert len(warnings) == (told is not None)
    if told is not None:
        assert pl.Series(warnings).str.contains(told).all()
