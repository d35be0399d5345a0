"""Families kept out of a search: whole ones, the same by the seed, with all classes; and what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError
from meta_models.search.kept_out import Split, keep_out
from meta_models.search.options import TuneConfig


def split(folder: Path, frame: pl.DataFrame, **options: object) -> Split:
    dataset = open_dataset(write_table(folder / "table", frame), work_dir=folder)
    return keep_out(dataset, read_positions(dataset), TuneConfig.from_mapping(options))


def in_families(n_families: int = 10) -> pl.DataFrame:
    family = pl.col("gene_id").str.slice(1).cast(pl.Int64) % n_families
    return make_frame(40).with_columns(gene_family=pl.format("F{}", family))


def test_whole_families_are_kept_out(tmp_path: Path) -> None:
    found = split(tmp_path, in_families(), n_folds=3)
    families = found.positions.frame["family"].cast(pl.String)
    kept, searched = (set(families.filter(rows)) for rows in (found.kept_out, ~found.kept_out))
    assert len(kept) == 2
    assert not kept & searched
    assert found.kept_out.mean() == pytest.approx(0.2, abs=0.05)
    assert len(found.genes) == 8
    dataset, positions = found.searched
    assert dataset.n_rows == positions.frame.height == int((~found.kept_out).sum())
    assert set(positions.labels) == {0, 1, 2}


def test_the_seed_draws_them(tmp_path: Path) -> None:
    first, same, other = (
        split(tmp_path / str(k), in_families(), n_folds=3, seed=seed).kept_out for k, seed in enumerate((0, 0, 1))
    )
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_a_family_that_is_larger_than_the_share_stays_in_the_search(tmp_path: Path) -> None:
    number = pl.col("gene_id").str.slice(1).cast(pl.Int64)
    large = make_frame(40).with_columns(gene_family=pl.when(number < 20).then(pl.lit("large")).otherwise("gene_id"))
    for seed in range(3):
        found = split(tmp_path / str(seed), large, n_folds=3, seed=seed)
        assert "large" not in set(found.positions.frame["family"].cast(pl.String).filter(found.kept_out))
        assert len(found.genes) == 8


def test_chromosomes_are_kept_out_where_folds_are_of_chromosomes(tmp_path: Path) -> None:
    found = split(tmp_path, make_frame(24), n_folds=3, split="chromosome", tune_share=0.25)
    chromosomes = found.positions.frame["chrom"].cast(pl.String)
    assert len(set(chromosomes.filter(found.kept_out))) == 1
    assert not set(chromosomes.filter(found.kept_out)) & set(chromosomes.filter(~found.kept_out))


def test_too_few_families_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"at least 6 gene families.*Found 5"):
        split(tmp_path, in_families(5))


def test_a_part_without_a_class_is_refused(tmp_path: Path) -> None:
    one = pl.when((pl.col("splice_type") == "donor") & (pl.col("gene_id") != "G0003"))
    frame = make_frame(24).with_columns(splice_type=one.then(pl.lit("neither")).otherwise("splice_type"))
    with pytest.raises(InputError, match="Every class must occur in the gene families that are"):
        split(tmp_path, frame, n_folds=3)
