"""Paired differences against the bootstrap that the package has, and figures computed by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from finished_runs import make_oof
from sklearn.metrics import average_precision_score

from meta_models.experiments.comparison.differences import Comparison, better, differences_to, fold_figures, fold_test
from meta_models.experiments.comparison.rows import SharedRows, shared_rows
from meta_models.metrics import MeanStatistic, RankingStatistic, paired_bootstrap
from meta_models.schema import SITE_CLASSES


def rows_of(*tables: pl.DataFrame) -> SharedRows:
    return shared_rows(tables, [f"run{k}" for k in range(len(tables))])


def test_the_headline_is_the_paired_bootstrap_of_the_package() -> None:
    rows = rows_of(make_oof(seed=1), make_oof(seed=2, skill=3.0))
    found = differences_to(rows, 0, Comparison(200, 7))[1][0]
    one, two = (
        MeanStatistic([RankingStatistic(rows.labels == c, s[:, c], None, rows.families, 30) for c in SITE_CLASSES])
        for s in rows.scores
    )
    expected = paired_bootstrap(one, two, "average_precision", families_with_sites=30, samples=200, seed=7)
    assert (found.metric, found.target, found.population, found.stratum) == (
        "average_precision",
        "mean",
        "table",
        "all",
    )
    assert (found.a, found.b, found.difference) == (expected.base, expected.meta, expected.difference)
    assert (found.lower, found.upper) == (expected.difference_interval.lower, expected.difference_interval.upper)
    assert better(found)


def test_figures_are_those_of_scikit_learn() -> None:
    rows = rows_of(make_oof(seed=1), make_oof(seed=2))
    found = {(d.metric, d.target): d for d in differences_to(rows, 1, Comparison(20, 0))[0]}
    for target in SITE_CLASSES:
        expected = average_precision_score(rows.labels == target, rows.scores[0][:, target])
        assert found["average_precision", target.label].b == pytest.approx(expected)
    assert found["log_loss", "all"].a == pytest.approx(
        -np.log(rows.scores[1][np.arange(len(rows.labels)), rows.labels]).mean(), rel=1e-5
    )


def test_log_loss_is_better_where_it_is_smaller() -> None:
    rows = rows_of(make_oof(seed=1), make_oof(seed=2, skill=5.0))
    found = {d.metric: d for d in differences_to(rows, 0, Comparison(100, 0))[1]}
    assert found["log_loss"].difference is not None
    assert found["log_loss"].difference < 0
    assert better(found["log_loss"]) is True


def test_a_run_against_itself_is_not_shown_to_differ() -> None:
    rows = rows_of(make_oof(), make_oof())
    for difference in differences_to(rows, 0, Comparison(50, 0))[1]:
        assert difference.difference == difference.lower == difference.upper == 0
        assert difference.p_value == 1
        assert better(difference) is None


def test_p_values_are_adjusted_for_the_number_of_runs() -> None:
    rows = rows_of(make_oof(seed=1), make_oof(seed=2), make_oof(seed=3), make_oof(seed=4, skill=6.0))
    found = differences_to(rows, 0, Comparison(300, 0))
    p = {run: differences[0].p_value for run, differences in found.items()}
    adjusted = {run: differences[0].adjusted_p_value for run, differences in found.items()}
    assert p[3] == pytest.approx(2 / 301)  # never on the other side of 0
    assert adjusted[3] == pytest.approx(3 * 2 / 301)
    assert min(adjusted[1], adjusted[2]) == pytest.approx(min(1, 2 * min(p[1], p[2])))


def test_a_stratum_is_compared_on_its_rows_and_families() -> None:
    rows = rows_of(make_oof(seed=1), make_oof(seed=2))
    mask = (rows.frame["chrom"] == "chr1").to_numpy()
    found = differences_to(rows, 0, Comparison(20, 0, "chr1", mask, losses=False))[1]
    halves = [table.filter(pl.col("chrom") == "chr1") for table in (make_oof(seed=1), make_oof(seed=2))]
    alone = differences_to(rows_of(*halves), 0, Comparison(20, 0, losses=False))[1]
    assert [(d.a, d.b, d.lower, d.upper, d.families) for d in found] == [
        (d.a, d.b, d.lower, d.upper, d.families) for d in alone
    ]
    assert found[0].families == 15
    assert {d.stratum for d in found} == {"chr1"}


def test_without_sites_of_a_class_there_is_no_figure_and_a_reason() -> None:
    tables = [make_oof(seed=k).with_columns(label=pl.col("label").replace({2: 0})) for k in (1, 2)]
    found = {(d.metric, d.target): d for d in differences_to(rows_of(*tables), 0, Comparison(20, 0))[1]}
    for target in ("mean", "acceptor"):
        difference = found["average_precision", target]
        assert (difference.a, difference.difference, difference.lower) == (None, None, None)
        assert difference.reason == "no sites of the class in these rows"
    assert found["average_precision", "donor"].lower is not None


def test_the_test_over_folds_is_that_of_the_figures_of_each_fold() -> None:
    rows = rows_of(make_oof(seed=1), make_oof(seed=2))
    figures = [fold_figures(rows.labels, s, rows.folds[0], None) for s in rows.scores]
    mine = rows.folds[0] == 3
    parts = [average_precision_score(rows.labels[mine] == c, rows.scores[1][mine, c]) for c in (1, 2)]
    assert figures[1][3] == pytest.approx(np.mean(parts))
    found = fold_test(rows, 0, 1)
    assert found.folds == 5
    assert found.p_value is not None
    assert found.plain_p_value is not None
    assert found.plain_p_value < found.p_value


def test_other_folds_are_not_tested() -> None:
    other = make_oof(seed=2).with_columns(
        fold=(pl.col("fold") + pl.col("gene_id").str.slice(1).cast(pl.Int16) // 7) % 5
    )
    found = fold_test(rows_of(make_oof(seed=1), other), 0, 1)
    assert found.p_value is None
    assert found.reason == "the runs held out other genes together"


def test_folds_that_heavy_rows_decide_are_tested_in_the_population_of_the_table() -> None:
    high = (pl.col("label") == 0) & (pl.col("position") == 7) & (pl.col("gene_id") == "G003")
    tables = [
        make_oof(seed=seed).with_columns(
            weight=pl.when(high).then(9000.0).otherwise(1.0).cast(pl.Float32),
            calibrated_donor=pl.when(high).then(0.999).otherwise(pl.col("calibrated_donor")).cast(pl.Float32),
        )
        for seed in (1, 2)
    ]
    rows = rows_of(*tables)
    assert rows.weight is not None
    found = fold_test(rows, 0, 1)
    assert found.population == "table"
    assert found.p_value is not None
