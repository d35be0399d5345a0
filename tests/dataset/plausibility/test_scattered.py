"""An id that stands for several genes is doubtful."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.plausibility.scattered import scattered_genes
from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"chrom": ["chr1", "1", "2", "2"], "strand": ["+", "1", "-", None]}, None),
        ({"chrom": ["chr1", "1", "2", "3"]}, "1 gene with rows on several chromosomes or on both strands, such as 'B'"),
        ({"strand": ["+", "-", "-", "+"]}, "2 genes with .* such as 'A', 'B': 'gene_id' must be the id of one gene"),
        ({}, None),
    ],
)
def test_places_are_told_by_normal_forms(columns: dict[str, list[str | None]], told: str | None) -> None:
    found = scattered_genes(pl.DataFrame({"gene_id": ["A", "A", "B", "B"], **columns}))
    assert len(found) == (told is not None)
    if told is not None:
        assert pl.Series(found).str.contains(told).all()


def test_a_table_says_so(tmp_path: Path) -> None:
    frame = make_frame(4).with_columns(
        strand=pl.when(pl.int_range(pl.len()) < 2).then(pl.lit("+")).otherwise(pl.lit("-"))
    )
    positions = read_positions(open_dataset(write_table(tmp_path / "t", frame), work_dir=tmp_path))
    assert any(text.startswith("1 gene with rows on several") for text in positions.warnings)
