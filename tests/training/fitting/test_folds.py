from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import InputError
from meta_models.result import FoldRecord
from meta_models.training.fitting.folds import Folds, make_folds, require_enough_groups, split_groups, stop_rows


def families(frame: pl.DataFrame, per_family: int = 3) -> pl.DataFrame:
    number = pl.col("gene_id").str.slice(1).cast(pl.Int32) // per_family
    return frame.with_columns(gene_family=pl.format("F{}", number))


def test_families_that_share_genes_are_named_where_too_few_are_left(tmp_path: Path) -> None:
    frame = make_frame(n_genes=30)
    mixed = frame.with_columns(gene_family=pl.format("F{}", pl.int_range(pl.len()) % 5))
    with pytest.raises(InputError, match=r"Found 1: 5 families .* are 1 group .*: 30 genes in several families\."):
        require_enough_groups(*positions_and_config(tmp_path / "mixed", mixed))
    with pytest.raises(InputError, match=r"Found 2\."):
        require_enough_groups(*positions_and_config(tmp_path / "few", families(frame, 15)))


def positions_and_config(folder: Path, frame: pl.DataFrame) -> tuple[Positions, TrainingConfig]:
    folder.mkdir()
    task = make_task(folder, frame)
    return task.positions, task.config


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


def test_what_is_told_of_a_fold() -> None:
    genes = np.array([0, 0, 1, 2, 2, 3, 4, 5])
    folds = Folds(np.array([0, 0, 0, 1, 1, 1, 1, 1], np.int16), genes // 2, genes)
    stop = genes == 5
    assert folds.record(0, stop) == FoldRecord(
        fold=0, held_out_genes=2, held_out_rows=3, train_genes=3, stop_genes=1
    )  # fmt: skip
    assert folds.record(1, ~folds.held_out(1) & (genes == 1)) == FoldRecord(
        fold=1, held_out_genes=4, held_out_rows=5, train_genes=1, stop_genes=1
    )  # fmt: skip


@pytest.mark.parametrize(
    ("share", "groups", "stopping"), [(0.1, 40, 4), (0.25, 40, 10), (0.5, 40, 20), (0.1, 4, 1), (0.1, 2, 1)]
)
def test_a_share_of_the_groups_only_decides_when_to_stop(share: float, groups: int, stopping: int) -> None:
    """No less than one, no more than half of them."""
    group = np.repeat(np.arange(groups + 1), 6)
    labels = np.tile([0, 0, 0, 0, 1, 2], groups + 1)
    folds = Folds((group == groups).astype(np.int16), group, group)
    config = TrainingConfig(rounds="early-stopping", early_stopping_share=share)
    stop = stop_rows(folds, labels, ~folds.held_out(1), config)
    assert len(np.unique(group[stop])) == stopping
    assert stop.sum() == 6 * stopping
    assert not stop[folds.held_out(1)].any()
    other = stop_rows(folds, labels, ~folds.held_out(1), config.model_copy(update={"seed": 1}))
    assert groups < 4 or not np.array_equal(stop, other)


def test_a_single_training_group_cannot_be_split_for_early_stopping() -> None:
    group = np.repeat([0, 1], 6)
    folds = Folds(group.astype(np.int16), group, group)
    with pytest.raises(InputError, match=r"at least two families.*Found 1"):
        stop_rows(folds, np.tile([0, 1, 2], 4), ~folds.held_out(0), TrainingConfig(rounds="early-stopping"))


def test_groups_of_one_row_are_split_as_evenly() -> None:
    labels = np.repeat([0, 1, 2], [80, 10, 10])
    rows = np.arange(100)
    folds = split_groups(labels, rows, TrainingConfig(n_folds=5))
    assert folds.n_folds == 5
    counts = [np.bincount(labels[folds.held_out(fold)]).tolist() for fold in range(5)]
    assert counts == [[16, 2, 2]] * 5
    np.testing.assert_array_equal(folds.genes, rows)
    assert not np.array_equal(folds.of_row, split_groups(labels, rows, TrainingConfig(n_folds=5, seed=1)).of_row)


def test_as_many_groups_as_folds_is_enough() -> None:
    labels, groups = np.tile([0, 1, 2], 3), np.repeat([0, 1, 2], 3)
    assert split_groups(labels, groups, TrainingConfig(n_folds=3)).n_folds == 3
    with pytest.raises(InputError, match=r"--n-folds 4 needs at least 4 groups.*Found 3"):
        split_groups(labels, groups, TrainingConfig(n_folds=4))


def test_classes_may_have_other_names() -> None:
    labels, groups = np.tile([0, 1], 4), np.repeat(np.arange(4), 2)
    assert split_groups(labels, groups, TrainingConfig(n_folds=2), classes=("no", "yes")).n_folds == 2
    with pytest.raises(InputError, match=r"Absent: yes \(rows in the table: no 8, yes 0\)"):
        split_groups(np.zeros(8, int), groups, TrainingConfig(n_folds=2), classes=("no", "yes"))
