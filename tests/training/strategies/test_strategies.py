"""What holds for every strategy, and what holds for the single model."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import xgboost as xgb
from sklearn.metrics import average_precision_score
from sklearn.model_selection import KFold, cross_val_predict
from tables import gene_rule_frame, make_frame
from training_tasks import OPTIONS_FOR, make_task

from meta_models.errors import MemoryBudgetError
from meta_models.persistence import dump_model
from meta_models.result import probability_columns
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.inputs.preparation import Preparation
from meta_models.training.fitting.one_vs_rest import held_out_jobs
from meta_models.training.fitting.problem import audit_task, task_problem, task_rows
from meta_models.training.fitting.running.run_jobs import train_jobs
from meta_models.training.strategies import STRATEGIES


@pytest.mark.parametrize("name", ["single_model"])
def test_out_of_fold_is_at_chance_where_genes_share_nothing(tmp_path: Path, name: str) -> None:
    frame = gene_rule_frame()
    task = make_task(tmp_path, frame, name, n_estimators=60, rounds="fixed")
    oof = STRATEGIES[name].train(task).oof
    donor = oof["label"].to_numpy() == 1
    honest = average_precision_score(donor, oof["raw_donor"].to_numpy())
    features = task.dataset.read_rows(np.arange(task.dataset.n_rows), task.features)
    by_row = cross_val_predict(
        xgb.XGBClassifier(n_estimators=60, n_jobs=2),
        features,
        donor,
        cv=KFold(3, shuffle=True, random_state=0),
        method="predict_proba",
    )[:, 1]
    chance = donor.mean()
    # every rule is used equally often, so the training genes say slightly the opposite of those held out
    assert honest < chance + 0.02
    assert average_precision_score(donor, by_row) > chance + 0.3


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_fills_the_same_result(tmp_path: Path, demo_table: Path, name: str) -> None:
    task = make_task(tmp_path, demo_table, name, **OPTIONS_FOR.get(name, {"n_estimators": 8}))
    result = STRATEGIES[name].train(task)
    oof = result.oof
    assert oof.height == task.dataset.n_rows
    assert oof["gene_id"].equals(task.positions.frame["gene_id"])
    for prefix in ("raw", "calibrated"):
        values = oof.select(probability_columns(prefix)).to_numpy()
        assert np.isfinite(values).all()
        np.testing.assert_allclose(values.sum(1), 1, atol=1e-5)
    assert oof["fold"].min() == 0
    assert {f.fold for f in result.folds} == set(oof["fold"].unique())
    folds_of_family = oof.group_by("family").agg(pl.col("fold").n_unique())["fold"]
    assert folds_of_family.max() == 1
    assert result.kept_features == task.features
    assert set(result.best_base_by_fold) == set(oof["fold"].unique())
    assert all(f.gain is not None for f in result.features)
    assert any(b.fold == -1 for b in result.fits)
    probabilities = result.model.predict_proba(pl.read_parquet(demo_table / "batch_00001.parquet"))
    np.testing.assert_allclose(probabilities.sum(1), 1)


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_a_strategy_that_does_not_fit_is_not_started(tmp_path: Path, name: str) -> None:
    task = dataclasses.replace(make_task(tmp_path, make_frame(), name, **OPTIONS_FOR.get(name, {})), budget=1_000)
    with pytest.raises(MemoryBudgetError, match="predicted peak"):
        STRATEGIES[name].train(task)
    assert not task.units.names()


def test_held_out_scores_are_those_of_the_fold_model(tmp_path: Path) -> None:
    """Out-of-fold scores come from XGBoost's cache of its training matrix; the stored booster must say the same."""
    task = make_task(tmp_path, make_frame(n_genes=40))
    folds = make_folds(task.positions, task.config)
    jobs = held_out_jobs(task_problem(task, folds), [0])
    rows = task_rows(task, audit_task(task))
    with Preparation(task.config.learner, rows, task.config.section, task.resources) as preparation:
        fitted = train_jobs(task, preparation, jobs, "test")
    features = task.dataset.read_rows(np.flatnonzero(jobs[0].score), task.features)
    for job in jobs:
        booster = fitted[job.name].predictor.boosters[0]
        assert booster.num_boosted_rounds() == fitted[job.name].rounds
        scores = fitted[job.name].scores[:, 0, 0]
        np.testing.assert_allclose(booster.inplace_predict(features), scores, rtol=1e-5, atol=1e-7)


def test_finished_units_are_reused_and_give_the_same(tmp_path: Path) -> None:
    frame = make_frame(n_genes=30)
    strategy = STRATEGIES["single_model"]
    first = strategy.train(make_task(tmp_path, frame))
    names = make_task(tmp_path, frame).units.names()
    assert len(names) == 3 * 3 + 3
    second = strategy.train(make_task(tmp_path, frame))
    assert dump_model(first.model) == dump_model(second.model)
    assert first.oof.equals(second.oof)


def test_one_and_two_threads_give_the_same(tmp_path: Path) -> None:
    frame = make_frame(n_genes=30)
    strategy = STRATEGIES["single_model"]
    results = [strategy.train(make_task(tmp_path / str(n), frame, threads=n)) for n in (1, 2)]
    assert dump_model(results[0].model) == dump_model(results[1].model)
    assert results[0].oof.equals(results[1].oof)
