"""Packing genes into batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from packed_genes import positions_of

from meta_models.config import TrainingConfig
from meta_models.dataset.positions import Positions
from meta_models.errors import InputError, MemoryBudgetError
from meta_models.schema import MAIN_BASE
from meta_models.training.batches.packing import _of_positions, make_batches, split_batch


def config(genes: int) -> TrainingConfig:
    return TrainingConfig(max_genes_per_batch=genes)


def rows_of(positions: Positions, genes: int, row_cap: int = 10**9) -> list[np.ndarray]:
    return [batch.rows for batch in make_batches(positions, config(genes), row_cap=row_cap).batches]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    sizes=st.lists(st.integers(5, 300), min_size=8, max_size=120),
    related=st.integers(1, 4),
    cap=st.integers(3, 40),
    seed=st.integers(0, 5),
)
def test_every_gene_is_in_exactly_one_batch_and_families_stay_whole(sizes, related, cap, seed):
    families = [g // related for g in range(len(sizes))]
    positions = positions_of(sizes, families, seed=seed)
    packing = make_batches(positions, config(cap), row_cap=10**9)
    masks = np.stack([batch.rows for batch in packing.batches])
    assert (masks.sum(axis=0) == 1).all()
    of_row = masks.argmax(axis=0)
    frame = positions.frame.with_columns(pl.Series("batch", of_row))
    assert frame.group_by("family").agg(pl.col("batch").n_unique())["batch"].max() == 1
    counts = frame.group_by("batch").agg(pl.col("gene_id").n_unique()).sort("batch")["gene_id"].to_list()
    assert counts == [batch.genes for batch in packing.batches]
    assert max(counts) <= max(cap, related)
    assert all(min(batch.class_counts) > 0 for batch in packing.batches)
    rows = masks.sum(axis=1)
    largest_family = np.bincount(families, sizes).max()
    uneven = rows.max() > 1.2 * rows.mean()
    assert not uneven or largest_family > 0.2 * rows.mean()
    assert uneven == any("never split" in note and "times the mean" in note for note in packing.notes)


def test_as_few_batches_as_the_gene_cap_allows():
    positions = positions_of([50] * 100)
    assert len(rows_of(positions, 100)) == 1
    assert len(rows_of(positions, 50)) == 2
    assert len(rows_of(positions, 49)) == 3


def test_the_row_cap_makes_more_batches_and_is_never_passed():
    positions = positions_of(list(range(20, 120)))
    total = positions.frame.height
    found = rows_of(positions, 1000, row_cap=total // 6)
    assert len(found) >= 6
    assert max(rows.sum() for rows in found) <= total // 6


def test_batches_have_the_mix_of_the_table():
    rng = np.random.default_rng(3)
    positions = positions_of(rng.integers(10, 200, 500).tolist())
    frame = positions.frame.with_columns(pl.Series("label_is_donor", positions.labels == 1))
    for rows in rows_of(positions, 110):
        part = frame.filter(rows)
        for column in ("chrom", "gene_type"):
            whole = dict(frame[column].cast(str).value_counts(normalize=True).iter_rows())
            mine = dict(part[column].cast(str).value_counts(normalize=True).iter_rows())
            assert mine == pytest.approx(whole, abs=0.03)
        assert part["label_is_donor"].mean() == pytest.approx(frame["label_is_donor"].mean(), rel=0.1)


def with_chromosomes(positions: Positions, chroms: list[str]) -> Positions:
    """The same genes on other chromosomes, one for each gene."""
    names = pl.Series("chrom", np.array(chroms)[positions.codes("gene_id")], dtype=pl.Categorical)
    return Positions(positions.frame.with_columns(names), "none", (MAIN_BASE,), ())


def test_many_scaffolds_are_one_load() -> None:
    scaffolds = ["chr1"] * 200 + [f"scaffold{g}" for g in range(400)]
    many, one = ([name[:cut] for name in scaffolds] for cut in (None, len("scaffold")))
    positions = positions_of([40] * 600)
    groups = [_of_positions(with_chromosomes(positions, chroms)) for chroms in (many, one)]
    np.testing.assert_array_equal(groups[0].loads, groups[1].loads)
    found, expected = (rows_of(with_chromosomes(positions, chroms), 200) for chroms in (many, one))
    np.testing.assert_array_equal(found, expected)


def test_one_rare_chromosome_is_a_load_as_ever() -> None:
    positions = with_chromosomes(positions_of([40] * 500), ["chr1", "chr2"] * 249 + ["chr2", "chrY"])
    groups = _of_positions(positions)
    on_y = np.bincount(groups.of_row, (positions.frame["chrom"] == "chrY").to_numpy())
    np.testing.assert_allclose(groups.loads[:, 6], on_y / on_y.sum() * np.sqrt(1 / 500))


def test_batches_do_not_depend_on_the_order_of_the_files():
    positions = positions_of(list(range(10, 90)))
    shuffled = np.random.default_rng(1).permutation(positions.frame["gene_id"].unique().cast(str).sort().to_list())
    parts = [positions.frame.filter(pl.col("gene_id") == gene) for gene in shuffled]
    turned = Positions(pl.concat(parts), "none", (MAIN_BASE,), ())

    def genes(p: Positions) -> list[set[str]]:
        return [set(p.frame["gene_id"].filter(rows).cast(str)) for rows in rows_of(p, 20)]

    assert genes(positions) == genes(turned)


def test_a_family_larger_than_the_gene_cap_has_a_batch_of_its_own():
    positions = positions_of([30] * 20, [0] * 8 + list(range(1, 13)))
    packing = make_batches(positions, config(5), row_cap=10**9)
    assert max(batch.genes for batch in packing.batches) == 8
    assert any("has 8 genes, more than --max-genes-per-batch 5" in note for note in packing.notes)


def test_a_family_that_does_not_fit_into_memory_is_named():
    with pytest.raises(MemoryBudgetError, match="family of gene G00003 has 5,000 rows"):
        make_batches(positions_of([10, 10, 10, 5000]), config(2), row_cap=4000)


def test_a_class_that_is_too_rare_is_an_error_that_names_the_batch():
    positions = positions_of([20] * 6)
    only_first = positions.frame.with_columns(
        label=pl.when(pl.col("gene_id").cast(str) == "G00000").then(pl.col("label")).otherwise(0).cast(pl.UInt8)
    )
    with pytest.raises(InputError, match=r"batch-0. have no donor and no acceptor"):
        make_batches(Positions(only_first, "none", (MAIN_BASE,), ()), config(2), row_cap=10**9)


def test_halves_share_the_genes_of_a_batch():
    positions = positions_of(list(range(20, 80)), [g // 2 for g in range(60)])
    whole = make_batches(positions, config(30), row_cap=10**9).batches[1]
    halves = split_batch(whole, positions)
    assert [half.name for half in halves] == ["batch-01a", "batch-01b"]
    assert all(half.is_half for half in halves)
    np.testing.assert_array_equal(halves[0].rows ^ halves[1].rows, whole.rows)
    families = [set(positions.frame["family"].filter(half.rows).cast(str)) for half in halves]
    assert not families[0] & families[1]
    assert halves[0].n_rows == pytest.approx(halves[1].n_rows, rel=0.2)


def test_one_family_cannot_be_split():
    positions = positions_of([30, 30], [0, 0])
    whole = make_batches(positions, config(5), row_cap=10**9).batches[0]
    assert split_batch(whole, positions) == ()


@pytest.mark.real_data
@pytest.mark.parametrize(("name", "cap"), [("worm", 200), ("human_chr1", 20)])
def test_real_tables(real_data: Path, tmp_path: Path, name: str, cap: int) -> None:
    from meta_models.dataset.positions import read_positions
    from meta_models.dataset.reading.open import open_dataset

    positions = read_positions(open_dataset(real_data / name / "master", work_dir=tmp_path))
    packing = make_batches(positions, config(cap), row_cap=10**9)
    rows = np.array([batch.n_rows for batch in packing.batches])
    assert len(rows) == 5
    assert rows.max() <= 1.2 * rows.mean()
