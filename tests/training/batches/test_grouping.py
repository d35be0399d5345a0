from pathlib import Path

import numpy as np
import polars as pl
import pytest
from packed_genes import positions_of

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import UsageError
from meta_models.training.batches import grouping
from meta_models.training.batches.grouping import batch_groups
from meta_models.training.batches.packing import make_batches, split_batch


def grouped(positions: Positions, by: str) -> dict[str, np.ndarray]:
    return batch_groups(positions, TrainingConfig(dataset="table.parquet", batch_groups=by))


def test_without_groups_all_rows_are_one():
    positions = positions_of([20] * 10)
    ((name, rows),) = grouped(positions, "none").items()
    assert name == ""
    assert rows.all()


def test_rows_are_grouped_by_chromosome_the_largest_first():
    positions = positions_of([40, 10, 20, 30, 15] * 4)  # chr0 to chr4 in turn
    groups = grouped(positions, "chromosome")
    assert list(groups) == ["chr0", "chr3", "chr2", "chr4", "chr1"]
    np.testing.assert_array_equal(np.sum(list(groups.values()), axis=0), 1)
    assert set(positions.frame["chrom"].filter(groups["chr3"])) == {"chr3"}


def test_relatives_are_of_the_group_of_most_of_their_rows():
    families = [0, 0, *range(1, 19)]
    positions = positions_of([40, 10, *[25] * 18], families)  # the first family: 40 rows of chr0, 10 of chr1
    groups = grouped(positions, "chromosome")
    assert (positions.frame["gene_id"].filter(groups["chr0"]) == "G00001").sum() == 10
    assert (positions.frame["gene_id"].filter(groups["chr1"]) == "G00001").sum() == 0


def test_small_groups_and_those_without_a_class_are_one():
    sizes = [100] * 10
    positions = positions_of(sizes)
    chroms = np.repeat(["a", "a", "a", "a", "b", "b", "b", "c", "d", "a"], sizes)
    labels = positions.labels.copy()
    labels[chroms == "c"] = 0
    frame = positions.frame.with_columns(chrom=pl.Series(chroms).cast(pl.Categorical), label=pl.Series(labels))
    keep = np.ones(len(chroms), bool)
    keep[np.flatnonzero(chroms == "d")[30:]] = False  # 30 of 930 rows
    found = grouped(Positions(frame.filter(keep), "none", positions.bases, ()), "chromosome")
    assert list(found) == ["a", "b", "others"]
    assert found["others"].sum() == 130


def test_genes_are_grouped_by_clusters_of_their_sketches(monkeypatch: pytest.MonkeyPatch) -> None:
    positions = positions_of([20, 20, 20, 40, 2] * 4, [*range(19), 17])  # the last is a relative of another cluster
    asked = []

    def clusters(dataset: Path, genes: set[str], seed: int) -> dict[str, str]:
        asked.append((str(dataset), len(genes), seed))
        return {gene: "sketch-2" if int(gene[1:]) % 5 == 4 else f"sketch-{int(gene[1:]) % 2}" for gene in genes}

    monkeypatch.setattr(grouping, "sketch_clusters", clusters)
    config = TrainingConfig(dataset="folder", batch_groups="sketch", seed=5)
    groups = batch_groups(positions, config)
    assert asked == [("folder", 20, 5)]
    assert list(groups) == ["sketch-1", "sketch-0", "others"]  # of 202, 200 and 6 rows
    assert set(positions.frame["gene_id"].filter(groups["others"])) == {"G00004", "G00009", "G00014"}
    assert "G00019" in set(positions.frame["gene_id"].filter(groups["sketch-1"]))


def test_a_table_without_sequences_has_no_clusters_of_them():
    with pytest.raises(UsageError, match="reads the sequences of genes"):
        grouped(positions_of([20] * 10), "sketch")


def test_a_table_without_the_column_is_refused():
    positions = positions_of([20] * 10)
    bare = Positions(positions.frame.drop("gene_type"), "none", positions.bases, ())
    with pytest.raises(UsageError, match="needs the column gene_type"):
        grouped(bare, "gene-type")


def test_each_group_is_packed_alone_and_halves_stay_in_it():
    positions = positions_of([40] * 40)
    config = TrainingConfig(max_genes_per_batch=4, batch_groups="chromosome")
    batches = make_batches(positions, config, row_cap=10**9).batches
    assert [batch.name for batch in batches] == [f"batch-{number:02d}" for number in range(10)]
    assert [batch.group for batch in batches] == [f"chr{number // 2}" for number in range(10)]
    np.testing.assert_array_equal(np.sum([batch.rows for batch in batches], axis=0), 1)
    for batch in batches:
        assert set(positions.frame["chrom"].filter(batch.rows)) == {batch.group}
    assert {half.group for half in split_batch(batches[3], positions)} == {"chr1"}


def test_the_groups_are_told_and_so_is_that_there_is_one() -> None:
    config = TrainingConfig(
        dataset="table.parquet", batch_groups="chromosome", max_genes_per_batch=4, ensemble_method="stacking"
    )
    positions = positions_of([40, 10, 20, 30, 15] * 4)
    told = make_batches(positions, config, row_cap=10**9).notes[0]
    assert told == (
        "--batch-groups chromosome: 5 groups, each combined by its mean before they are (stacking): "
        "chr0 (1 batch), chr3 (1 batch), chr2 (1 batch), chr4 (1 batch), chr1 (1 batch)."
    )
    one = Positions(positions.frame.with_columns(chrom=pl.lit("chrX")), "none", positions.bases, ())
    told = make_batches(one, config, row_cap=10**9).notes[0]
    assert told == "--batch-groups chromosome changes nothing: all batches are of one group (chrX)."
    plain = TrainingConfig(dataset="table.parquet", max_genes_per_batch=4)
    assert not any("batch-groups" in note for note in make_batches(positions, plain, row_cap=10**9).notes)
