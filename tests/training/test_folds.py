from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import InputError
from meta_models.training.folds import make_folds, stop_rows


def families(frame: pl.DataFrame, per_family: int = 3) -> pl.DataFrame:
    number = pl.col("gene_id").str.slice(1).cast(pl.Int32) // per_family
    return frame.with_columns(gene_family=pl.format("F{}", number))


def test_relatives_never_straddle_folds_nor_the_stop_rows(tmp_path: Path) -> None:
    task = make_task(tmp_path, families(make_frame(n_genes=30)))
    folds = make_folds(task.positions, task.config)
    family = task.positions.codes("family")
    for fold in range(folds.n_folds):
        held_out = folds.held_out(fold)
        stop = stop_rows(folds, task.positions.labels, ~held_out, task.config)
        train = ~held_out & ~stop
        parts = [set(family[rows]) for rows in (held_out, stop, train)]
        assert all(parts)
        assert sum(map(len, parts)) == len(set.union(*parts))
        assert set(task.positions.labels[train]) == {0, 1, 2}


def test_every_row_is_held_out_once_and_folds_are_even(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=60))
    counts = np.bincount(make_folds(task.positions, task.config).of_row)
    assert counts.sum() == task.dataset.n_rows
    assert counts.max() <= 1.2 * counts.mean()


def test_chromosomes_are_held_out_together(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(n_genes=40), split="chromosome")
    of_row = make_folds(task.positions, task.config).of_row
    by_chrom = pl.DataFrame({"chrom": task.positions.frame["chrom"], "fold": of_row}).group_by("chrom").n_unique()
    assert by_chrom["fold"].to_list() == [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (make_frame(n_genes=2), {}, "at least 3 gene families.*Found 2"),
        (make_frame(n_genes=1), {}, "Found 1"),
        (make_frame().filter(pl.col("splice_type") != "donor"), {}, "Absent: donor"),
        (make_frame(n_genes=40).drop("chrom"), {"split": "chromosome"}, "chrom"),
        (make_frame(n_genes=40), {"split": "chromosome", "n_folds": 5}, "Found 4"),
    ],
)
def test_tables_that_cannot_be_split(tmp_path: Path, frame: pl.DataFrame, options: dict, words: str) -> None:
    task = make_task(tmp_path, frame, **options)
    with pytest.raises(InputError, match=words):
        make_folds(task.positions, task.config)


def test_a_class_in_one_gene_only_is_refused(tmp_path: Path) -> None:
    frame = make_frame(n_genes=9).with_columns(
        splice_type=pl.when((pl.col("splice_type") == "donor") & (pl.col("gene_id") != "G0002"))
        .then(pl.lit("neither"))
        .otherwise(pl.col("splice_type"))
    )
    task = make_task(tmp_path, frame)
    with pytest.raises(InputError, match="Absent: donor"):
        make_folds(task.positions, task.config)


def test_no_stop_rows_without_early_stopping(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(), rounds="fixed")
    folds = make_folds(task.positions, task.config)
    assert not stop_rows(folds, task.positions.labels, ~folds.held_out(0), task.config).any()
