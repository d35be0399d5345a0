from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from simulated_run import FEATURES, context_of, simulated, trained

from meta_models.analysis.framework.base import AnalysisContext
from meta_models.analysis.importance.methods import importance_table, method_correlation
from meta_models.analysis.importance.permutation import feature_groups, permutation_table
from meta_models.analysis.importance.stability import rank_agreement
from meta_models.metrics import average_precision


def test_a_feature_of_no_use_costs_nothing_and_base_scores_do(context: AnalysisContext) -> None:
    permuted = permutation_table(context)
    loss = {row["features"]: row["ap_loss_donor"] for row in permuted.table.iter_rows(named=True)}
    best = max(loss, key=lambda name: loss[name])
    assert "donor_score" in best
    assert loss[best] > 0.1
    assert abs(next(v for name, v in loss.items() if "k-mer" in name or "3mer" in name)) < 0.05
    assert not permuted.seen
    assert "never saw" in permuted.how


def test_without_fold_models_permutation_says_that_rows_were_seen(context: AnalysisContext) -> None:
    permuted = permutation_table(context_of(replace(context.result, fold_models={})))
    assert permuted.seen
    assert "was trained on them" in permuted.how


def test_copies_are_permuted_together(context: AnalysisContext) -> None:
    wide = context_of(replace(context.result, config=context.config.model_copy(update={"permutation_features": 100})))
    groups = feature_groups(wide, simulated()[1])
    assert sorted(k for group in groups for k in group.columns) == list(range(len(FEATURES)))
    together = next(g for g in groups if FEATURES.index("gc_content") in g.columns)
    assert FEATURES.index("copy_of_gc") in together.columns


def test_every_method_has_its_column(context: AnalysisContext) -> None:
    table = importance_table(context)
    methods = {"gain", "cover", "shap", "one_feature_ap"}
    assert {c.removesuffix("_donor") for c in table.columns if c.endswith("_donor")} == methods
    assert table["gain_donor"].sum() == pytest.approx(1)
    assert table["cover_donor"].sum() == pytest.approx(1)
    assert table["feature"][0] in {"donor_score", "other_donor_score", "acceptor_score", "other_acceptor_score"}
    correlation = method_correlation(table)
    assert correlation.height == 12
    assert (
        correlation.filter((pl.col("method") == "gain") & (pl.col("other") == "shap"))["rank_correlation"].min() > 0.5
    )


def test_one_feature_ap_takes_the_better_direction(context: AnalysisContext) -> None:
    result = context.result
    config = result.config.model_copy(update={"importance_rows": result.oof.height})
    table = importance_table(context_of(replace(result, config=config)))
    found = dict(zip(table["feature"], table["one_feature_ap_donor"], strict=True))
    positive, weights = result.oof["label"].to_numpy() == 1, result.oof["weight"].to_numpy()
    scores = result.oof["neither_score"].to_numpy()
    expected = max(average_precision(positive, s, weights).value for s in (scores, -scores))
    assert found["neither_score"] == pytest.approx(expected)


def test_agreement_is_between_fold_models_members_or_rows() -> None:
    for result, word, pairs in (
        (trained(), "fold models", 3),
        (trained(ensemble=True), "members", 3),
        (replace(trained(), fold_models={}), "final model", 3),
    ):
        context = context_of(result)
        agreement = rank_agreement(context, context.contributions)
        assert word in agreement.how
        assert agreement.table.height == 3 * pairs
        assert agreement.table["rank_correlation"].is_between(-1, 1).all()
        assert agreement.table.filter(pl.col("class") == "donor")["rank_correlation"].min() > 0.3
    assert np.isfinite(agreement.table["rank_correlation"].to_numpy()).all()
