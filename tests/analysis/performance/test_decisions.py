from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from simulated_run import context_of

from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.performance.operating_points import Ranking, operating_points
from meta_models.result import TrainingResult


def test_the_threshold_of_a_fold_does_not_see_its_rows() -> None:
    rng = np.random.default_rng(0)
    folds = np.repeat(np.arange(4), 250).astype(np.int16)
    positive = rng.random(1000) < 0.2
    scores = rng.random(1000) * 0.6 + 0.4 * positive
    before = Ranking.of(positive, scores, np.ones(1000), folds).cross_fitted()
    turned = np.where(folds == 2, ~positive, positive)
    after = Ranking.of(turned, scores, np.ones(1000), folds).cross_fitted()
    assert before.thresholds[2] == after.thresholds[2]
    assert before.thresholds[0] != after.thresholds[0]
    assert np.array_equal(before.called[folds == 2], after.called[folds == 2])


def test_the_threshold_is_the_best_of_the_others() -> None:
    scores = np.array([0.1, 0.2, 0.8, 0.9] * 2)
    positive = np.array([False, False, True, True] * 2)
    folds = np.repeat([0, 1], 4).astype(np.int16)
    fitted = Ranking.of(positive, scores, np.ones(8), folds).cross_fitted()
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
    ranking = Ranking.of(positive, scores.calibrated[:, 1], np.ones(len(positive)), scores.folds)
    called = ranking.cross_fitted().called
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


def test_a_stratum_has_a_threshold_of_its_own() -> None:
    """Scores of the second half are shifted: one threshold for all serves it badly."""
    rng = np.random.default_rng(1)
    positive, second = rng.random(800) < 0.3, np.arange(800) >= 400
    scores = positive + rng.random(800) * 0.9 + 2.0 * second
    folds = (np.arange(800) % 4).astype(np.int16)
    ranking = Ranking.of(positive, scores, np.ones(800), folds)
    alone = Ranking.of(positive[second], scores[second], np.ones(400), folds[second]).cross_fitted()
    own = ranking.cross_fitted(second)
    assert own.thresholds == alone.thresholds
    assert np.array_equal(own.called[second], alone.called)
    assert not own.called[~second].any()
    assert ranking.cross_fitted().thresholds != own.thresholds


def test_equal_scores_are_called_together() -> None:
    scores = np.array([0.9, 0.5, 0.5, 0.1] * 2)
    positive = np.array([True, True, False, False] * 2)
    fitted = Ranking.of(positive, scores, np.ones(8), np.repeat([0, 1], 4).astype(np.int16)).cross_fitted()
    assert fitted.thresholds == {0: 0.5, 1: 0.5}
    assert fitted.called.sum() == 6


def test_sites_of_one_fold_only_give_no_threshold_and_no_figure() -> None:
    folds = np.repeat([0, 1], 4).astype(np.int16)
    positive = np.array([True, True, False, False, False, False, False, False])
    fitted = Ranking.of(positive, np.linspace(1, 0, 8), np.ones(8), folds).cross_fitted()
    assert fitted.unserved == (0,)


def test_a_stratum_whose_sites_are_in_one_fold_is_null_with_a_reason(result: TrainingResult) -> None:
    fold = result.oof["fold"].to_numpy()
    alone = result.oof.with_columns(chrom=pl.Series(np.where(fold == fold[0], "chr1", "chr9")))
    context = context_of(replace(result, oof=alone, base_train_chroms=("chr1",)))
    points = operating_points(context).filter(
        (pl.col("stratum") == "base-train chromosomes") & (pl.col("class") == "donor")
    )
    assert points.height
    assert points["f1"].null_count() == points.height
    assert points["f1_at_common_threshold"].null_count() == 0
    assert set(points["reason"]) == {"all true sites are in one fold: none to choose a threshold on"}
