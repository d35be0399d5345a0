from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from meta_models.analysis.base import AnalysisContext
from meta_models.analysis.decisions import cross_fitted, operating_points


def test_the_threshold_of_a_fold_does_not_see_its_rows() -> None:
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(4), 250).astype(np.int16)
    positive = rng.random(1000) < 0.2
    scores = rng.random(1000) * 0.6 + 0.4 * positive
    before = cross_fitted(positive, scores, np.ones(1000), folds)
    turned = np.where(folds == 2, ~positive, positive)
    after = cross_fitted(turned, scores, np.ones(1000), folds)
    assert before.thresholds[2] == after.thresholds[2]
    assert before.thresholds[0] != after.thresholds[0]
    assert np.array_equal(before.called[folds == 2], after.called[folds == 2])


def test_the_threshold_is_the_best_of_the_others() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9] * 2)
    positive = np.array([False, False, True, True] * 2)
    folds = np.repeat([0, 1], 4).astype(np.int16)
    fitted = cross_fitted(positive, scores, np.ones(8), folds)
    assert fitted.thresholds == {0: 0.8, 1: 0.8}
    assert np.array_equal(fitted.called, positive)


def test_operating_points_are_plain_counts(context: AnalysisContext) -> None:
    points = operating_points(context)
    assert set(points["population"]) == {"genomic", "table"}
    row = points.filter(
        (pl.col("population") == "table")
        & (pl.col("stratum") == "all")
        & (pl.col("class") == "donor")
        & (pl.col("scorer") == "meta")
    ).row(0, named=True)
    scores = context.scores
    positive = scores.labels == 1
    called = cross_fitted(positive, scores.calibrated[:, 1], np.ones(len(positive)), scores.folds).called
    hits = (called & positive).sum()
    assert row["called"] == called.sum()
    assert row["true_sites"] == positive.sum()
    assert row["precision"] == pytest.approx(hits / called.sum())
    assert row["recall"] == pytest.approx(hits / positive.sum())
    assert row["f1"] == pytest.approx(2 * hits / (called.sum() + positive.sum()))
    strata = points.filter(
        (pl.col("class") == "donor") & (pl.col("scorer") == "meta") & (pl.col("population") == "table")
    )
    halves = strata.filter(pl.col("stratum").is_in(["base-train chromosomes", "other chromosomes"]))
    assert halves["true_sites"].sum() == positive.sum()
