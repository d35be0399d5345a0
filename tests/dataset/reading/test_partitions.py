"""Folders named after columns give these columns, or are refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from reading import refusal
from tables import make_frame, write_table

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.partitions import NULL_FOLDER, partitions_of
from meta_models.errors import InputError

FRAME = make_frame(n_genes=8)


@pytest.mark.parametrize("column", ["chrom", "gene_id", "splice_type"])
def test_a_partitioned_table_is_the_table(tmp_path: Path, column: str) -> None:
    pq.write_to_dataset(FRAME.to_arrow(), tmp_path / "t", partition_cols=[column])
    parted = read_positions(open_dataset(tmp_path / "t", work_dir=tmp_path)).frame
    whole = read_positions(open_dataset(write_table(tmp_path / "w", FRAME), work_dir=tmp_path)).frame
    key = ["gene_id", "position"]
    text = pl.col("gene_id", "family", "chrom").cast(pl.String)
    assert parted.with_columns(text).sort(key).equals(whole.with_columns(text).select(parted.columns).sort(key))


def test_two_levels_text_files_and_values_in_percent_signs(tmp_path: Path) -> None:
    folder = tmp_path / "t" / "chrom=chr%201" / f"gene_type={NULL_FOLDER}"
    folder.mkdir(parents=True)
    FRAME.drop("chrom").write_csv(folder / "a.csv")
    frame = read_positions(open_dataset(tmp_path / "t", work_dir=tmp_path)).frame
    assert frame["chrom"].unique().to_list() == ["chr 1"]
    assert frame["gene_type"].null_count() == frame.height


def test_a_single_partition_knows_where_it_is(tmp_path: Path) -> None:
    folder = write_table(tmp_path / "run=3" / "chrom=chr7", FRAME.drop("chrom"))
    for source in (folder, folder / "part_0.parquet"):
        dataset = open_dataset(source, work_dir=tmp_path)
        assert "run" not in dataset.columns
        assert read_positions(dataset).frame["chrom"].unique().to_list() == ["chr7"]


def test_the_column_of_the_file_wins(tmp_path: Path) -> None:
    write_table(tmp_path / "t" / "chrom=chr9", FRAME)
    frame = read_positions(open_dataset(tmp_path / "t", work_dir=tmp_path)).frame
    assert set(frame["chrom"].cast(pl.String)) == set(FRAME["chrom"])


def test_numbers_of_folders_are_no_features_and_never_positions(tmp_path: Path) -> None:
    for k in (1, 2):
        write_table(tmp_path / "t" / f"shard={k}", FRAME.with_columns(gene_id=pl.col("gene_id") + str(k)))
    dataset = open_dataset(tmp_path / "t", work_dir=tmp_path)
    assert "shard" in dataset.left_out
    write_table(tmp_path / "u" / "sampling_weight=20", FRAME)
    assert "sampling_weight" in refusal(tmp_path / "u")


def test_files_outside_of_the_partitions_are_refused(tmp_path: Path) -> None:
    write_table(tmp_path / "t" / "chrom=chr1", FRAME.drop("chrom"))
    FRAME.drop("chrom").with_columns(gene_id="X" + pl.col("gene_id")).write_parquet(tmp_path / "t" / "other.parquet")
    assert "column 'chrom' is missing" in refusal(tmp_path / "t")


def test_a_column_named_twice(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="twice"):
        partitions_of(tmp_path / "chrom=1" / "chrom=2" / "a.parquet", tmp_path)
