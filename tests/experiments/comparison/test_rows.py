"""Which rows of several runs are compared, and what is said of them."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from finished_runs import ROWS, make_oof

from meta_models.errors import InputError
from meta_models.experiments.comparison.rows import SharedRows, same_folds, shared_rows


def shared(*tables: pl.DataFrame) -> SharedRows:
    return shared_rows(tables, [f"run{k}" for k in range(len(tables))])


def test_rows_in_another_order_are_brought_to_that_of_the_first_run() -> None:
    one, two = make_oof(seed=1), make_oof(seed=2)
    rows = shared(one, two.sample(fraction=1, shuffle=True, seed=3))
    assert rows.scores[1].tolist() == two.select(pl.col("^calibrated_.*$")).to_numpy().tolist()
    assert rows.labels.tolist() == one["label"].to_list()
    assert rows.notes == ("All 600 rows are the same in every run.",)
    assert (rows.n_families, len(np.unique(rows.families))) == (30, 30)


def test_the_common_rows_are_compared_and_that_is_said() -> None:
    one, two = make_oof(30), make_oof(20)
    rows = shared(one, two)
    assert rows.frame["gene_id"].unique().sort().to_list() == [f"G{k:03d}" for k in range(20)]
    assert rows.n_families == 20
    assert "the 400 rows of 20 genes that all runs scored (rows: run0 600, run1 400)" in rows.notes[0]


def test_rows_without_a_score_are_left_out() -> None:
    one = make_oof(4)
    two = one.with_columns(
        calibrated_donor=pl.when(pl.col("gene_id") == "G001").then(None).otherwise(pl.col("calibrated_donor"))
    )
    assert len(shared(one, two).labels) == 3 * ROWS


def test_without_positions_the_place_within_the_gene_tells_the_row() -> None:
    one, two = make_oof(4, seed=1).drop("position"), make_oof(4, seed=2).drop("position")
    rows = shared(
        one, two.reverse().sort("gene_id", maintain_order=True).reverse().sort("gene_id", maintain_order=True)
    )
    assert len(rows.labels) == 80
    with pytest.raises(InputError, match=r"Found 1 genes with other numbers of rows in run0 and run1"):
        shared(one, two.slice(1))


@pytest.mark.parametrize(
    ("two", "words"),
    [
        (make_oof(gene="H"), r"genes in common. Found none \(run0: G000, G001, G002, ...; run1: H000"),
        (make_oof().with_columns(pl.col("position") + 100), "rows in common. Found none in the genes"),
        (make_oof().with_columns(label=pl.lit(0, pl.UInt8)), r"60 of 600 rows differ .* gene G000 \(donor, neither\)"),
        (pl.concat([make_oof(), make_oof().head(1)]), "two rows of one position in the run run1"),
        (
            make_oof().with_columns(donor_score=pl.lit(0.5, pl.Float32)),
            "600 rows .* 600 have other base scores: .* diff",
        ),
        (
            make_oof().with_columns(chrom=pl.lit("chr1")),
            "600 rows that run0 and run1 seem to share, 300 have other coor",
        ),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(two: pl.DataFrame, words: str) -> None:
    with pytest.raises(InputError, match=words):
        shared(make_oof(), two)


def test_another_table_of_the_same_positions_is_no_other_table() -> None:
    """Rounded base scores and codes of another type do not make rows others; columns of one run are not compared."""
    other = make_oof(seed=2).with_columns(pl.col("donor_score").round(3), pl.col("chrom").cast(pl.Categorical))
    assert len(shared(make_oof(), other.with_columns(genomic_position=pl.lit(1))).labels) == 600


def test_weights_that_are_the_same_are_kept_and_others_are_not() -> None:
    heavy = make_oof().with_columns(weight=pl.when(pl.col("label") == 0).then(5.0).otherwise(1.0).cast(pl.Float32))
    rows = shared(heavy, heavy)
    assert rows.weight is not None
    assert rows.weight.tolist() == heavy["weight"].to_list()
    other = shared(heavy, make_oof())
    assert other.weight is None
    assert "540 weights of rows differ" in (other.weight_reason or "")
    cut = shared(heavy, heavy.filter(pl.col("position") != 5))
    assert cut.weight is None
    assert "of 30 genes the runs share some rows only" in (cut.weight_reason or "")
    assert shared(heavy, heavy.filter(pl.col("gene_id") < "G010")).weight is not None  # whole genes


def test_families_of_which_the_runs_disagree_are_joined() -> None:
    pairs = pl.col("gene_id").str.slice(1).cast(pl.Int64)
    one = make_oof(6).with_columns(family=(pairs // 2).cast(pl.String))  # {0,1} {2,3} {4,5}
    two = make_oof(6).with_columns(family=((pairs + 1) // 2).cast(pl.String))  # {0} {1,2} {3,4} {5}
    rows = shared(one, two)
    assert rows.n_families == 1
    assert any("joined they are 1" in note for note in rows.notes)
    finer = shared(one, make_oof(6))
    assert finer.n_families == 3
    assert finer.families.tolist() == (np.repeat(np.arange(6), ROWS) // 2).tolist()


def test_folds_are_the_same_whatever_their_numbers() -> None:
    one = np.array([0, 0, 1, 1, 2])
    assert same_folds(one, np.array([5, 5, 0, 0, 1]))
    assert not same_folds(one, np.array([0, 1, 1, 1, 2]))
    assert not same_folds(one, np.array([0, 0, 0, 0, 2]))


def test_that_runs_held_out_other_genes_together_is_said() -> None:
    one = make_oof(6)
    renamed = one.with_columns(fold=10 - pl.col("fold"))
    other = one.with_columns(fold=pl.col("fold") // 2)
    assert shared(one, renamed).notes == ("All 120 rows are the same in every run.",)
    (note,) = shared(one, renamed, other).notes[1:]
    assert note.startswith("run2 held out other genes together than run0: a row was scored after training on other")
