"""Mining by the members of an ensemble: each from its own batch, nested in the folds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from mining_tables import all_positions, mining_task, sampled

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.inference.contenders import FoldScorer
from meta_models.inference.scoring import score_out_of_fold
from meta_models.model import EnsembleMetaModel
from meta_models.persistence import dump_model
from meta_models.result import TrainingResult, probability_columns
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies import BatchEnsembleTrainingStrategy

STRATEGY = BatchEnsembleTrainingStrategy()
RAW = list(probability_columns("raw"))


def ensemble_task(folder: Path, full: pl.DataFrame, table: pl.DataFrame | None = None, **options: Any) -> TrainingTask:
    small = {"max_genes_per_batch": 15, "n_estimators": 4, **options}
    return mining_task(folder, full, table, strategy=STRATEGY.name, **small)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Units of an ensemble that mined."""
    return tmp_path_factory.mktemp("mined")


@pytest.fixture(scope="module")
def task(folder: Path) -> TrainingTask:
    """Two batches of 15 genes."""
    return ensemble_task(folder, all_positions())


@pytest.fixture(scope="module")
def result(task: TrainingTask) -> TrainingResult:
    return STRATEGY.train(task)


def test_every_member_mines(result: TrainingResult) -> None:
    assert result.ensemble is not None
    assert (result.ensemble.cv, result.ensemble.cv_reason) == ("refit", "--mine-negatives: mining is nested in folds")
    rounds = [(record.member, record.round, record.fold) for record in result.mining]
    assert rounds == [(m, r, f) for m in range(2) for r in range(2) for f in (-1, 0, 1, 2)]
    assert all(record.mined > 0 for record in result.mining if record.round == 1)
    assert sum("Negatives were mined from 900 positions" in note.text for note in result.notes) == 2


def test_scores_are_those_of_the_fold_models_on_whole_genes_too(task: TrainingTask, result: TrainingResult) -> None:
    assert task.pool is not None
    whole = score_out_of_fold(FoldScorer(result.fold_models), result.oof, task.pool.dataset, task.pool.positions, 2)
    assert whole.height == 30 * 60
    keys = ["gene_id", "position"]
    both = result.oof.select(*keys, *RAW).join(whole.select(*keys, *RAW), on=keys, suffix="_whole")
    assert both.height == result.oof.height
    whole_names = [f"{name}_whole" for name in RAW]
    np.testing.assert_allclose(both.select(RAW).to_numpy(), both.select(whole_names).to_numpy(), atol=1e-5)


def test_a_member_learns_nothing_from_the_positions_of_other_batches(tmp_path: Path, result: TrainingResult) -> None:
    """Positions that only the pool holds, in genes of the first batch, are spoilt: the other member stays the same."""
    assert isinstance(result.model, EnsembleMetaModel)
    genes = list(result.model.members[0].info.genes)
    full = all_positions()
    spoilt = full.with_columns(
        pl.when(pl.col("gene_id").is_in(genes)).then(1 - pl.col(name)).otherwise(name).alias(name)
        for name in ("feature_0", "feature_1", "feature_2", "donor_score")
    )
    other = STRATEGY.train(ensemble_task(tmp_path, spoilt, sampled(full))).model
    assert isinstance(other, EnsembleMetaModel)
    first, second = zip(result.model.members, other.members, strict=True)
    assert second[0].predictor.boosters[1].save_raw() == second[1].predictor.boosters[1].save_raw()
    assert first[0].predictor.boosters[1].save_raw() != first[1].predictor.boosters[1].save_raw()


def test_a_resumed_run_equals_an_undisturbed_one(folder: Path, result: TrainingResult) -> None:
    task = ensemble_task(folder, all_positions())
    names = {"batch-00-mining-0", "batch-01-mined-1-fold-2-donor", "batch-01"}
    assert names < set(task.units.names())
    for name in names:
        task.units.remove(name)
    again = STRATEGY.train(task)
    assert dump_model(again.model) == dump_model(result.model)
    assert again.oof.equals(result.oof)
    assert again.mining == result.mining


def test_out_of_batch_is_refused() -> None:
    with pytest.raises(UsageError, match="mine_negatives needs ensemble_cv refit"):
        TrainingConfig.from_mapping({"mine_negatives": "pool", "ensemble_cv": "out-of-batch"})
