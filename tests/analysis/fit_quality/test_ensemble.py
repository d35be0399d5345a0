"""What is told of the batches of an ensemble."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import polars as pl
from simulated_run import FEATURES, context_of, trained

from meta_models.analysis.fit_quality.ensemble import (
    Ensemble,
    consistency_lines,
    ensemble_lines,
    measured_lines,
    member_gains,
)
from meta_models.analysis.framework.outcome import Status
from meta_models.model import EnsembleMetaModel
from meta_models.schema import CLASSES


def test_a_single_model_has_no_batches() -> None:
    result = trained()
    assert Ensemble().run(context_of(result)).status is Status.NOT_APPLICABLE
    assert ensemble_lines(result) == consistency_lines(result) == measured_lines(result) == ()


def test_folds_show_the_members_that_scored_them() -> None:
    context = context_of(trained(ensemble=True))
    Ensemble().run(context)
    table = pl.read_csv(io.BytesIO(context.writer.files["ensemble_cv_results.csv"]))
    assert table.columns[:5] == ["population", "fold", "genes", "rows", "members_used"]
    assert table.filter(pl.col("fold") == "pooled")["members_used"].null_count() == 2
    assert table.filter(pl.col("fold") != "pooled")["members_used"].to_list() == [2] * 6


def test_nothing_measured_is_in_an_artifact() -> None:
    context = context_of(trained(ensemble=True))
    outcome = Ensemble().run(context)
    assert not any("peak_gb" in data.decode() or "12.5" in data.decode() for data in context.writer.files.values())
    assert not any("12.5 s" in note.text for note in outcome.findings)
    assert {"peak_gb", "seconds"} <= set(outcome.tables[0].frame.columns)
    assert measured_lines(trained(ensemble=True)) == (
        "Units: peak memory at most 0.40 GB (predicted 0.60 GB), wall 12.5 to 12.5 s",
    )


def test_gaps_are_seen_minus_unseen_and_null_where_one_is() -> None:
    context = context_of(trained(ensemble=True))
    Ensemble().run(context)
    table = pl.read_csv(io.BytesIO(context.writer.files["overfitting_analysis/batches_and_ensemble.csv"]))
    assert table["model"].to_list() == ["batch-00", "batch-01", "batch-02", "ensemble"]
    np.testing.assert_allclose(table["gap_accuracy"], 0.07)
    assert table["gap_genomic_average_precision"].null_count() == 4


def test_missing_genes_are_a_warning() -> None:
    result = trained(ensemble=True)
    assert result.ensemble is not None
    incomplete = replace(result, ensemble=replace(result.ensemble, missing_genes=("g001", "g002")))
    outcome = Ensemble().run(context_of(incomplete))
    assert outcome.status is Status.FINDING
    assert "2 genes MISSING" in ensemble_lines(incomplete)[0]


def test_gains_are_those_of_the_boosters() -> None:
    model = trained(ensemble=True).model
    assert isinstance(model, EnsembleMetaModel)
    gains = member_gains(model)
    assert gains.shape == (3, len(CLASSES), len(FEATURES))
    booster = model.members[1].predictor.boosters[2]
    assert gains[1, 2, 0] == booster.get_score(importance_type="total_gain")["f0"]


def test_equal_members_agree() -> None:
    result = trained(ensemble=True)
    assert isinstance(result.model, EnsembleMetaModel)
    twins = EnsembleMetaModel([result.model.members[0]] * 2, info=result.model.info)
    for line in consistency_lines(replace(result, model=twins)):
        assert "two members 1.0000" in line
        assert line.endswith("1.0000 (1.0000 to 1.0000)")
