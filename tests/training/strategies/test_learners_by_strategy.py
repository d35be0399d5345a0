"""Every strategy with every learner of rows: it trains and scores, or says why it cannot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from learner_cases import CASES, NAMES, learner
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.persistence import dump_model, load_model
from meta_models.result import probability_columns
from meta_models.training.strategies import STRATEGIES

NOT_POSSIBLE = {
    "external_memory": "holds what it makes of the rows in memory",
    "incremental": "is fitted on all rows at a time",
    "distributed": "is fitted to rows that one process holds",
}


def config_of(name: str) -> dict[str, Any]:
    return {"learners": [name], **{f"{name}.{option}": value for option, value in CASES[name].options.items()}}


def possible(strategy: str, name: str) -> bool:
    traits = learner(name).traits
    ways = {"external_memory": traits.on_disk, "incremental": traits.streamed, "distributed": traits.shards}
    return ways.get(strategy, True)


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return make_frame(n_genes=16)


@pytest.mark.parametrize("strategy", sorted(STRATEGIES))
@pytest.mark.parametrize("name", NAMES)
def test_it_trains_or_says_why_not(tmp_path: Path, frame: pl.DataFrame, name: str, strategy: str) -> None:
    if not possible(strategy, name):
        config = TrainingConfig(**config_of(name), distributed="local:2")
        with pytest.raises(UsageError, match=f"{name} {NOT_POSSIBLE[strategy]}"):
            STRATEGIES[strategy].require_possible(config)
        return
    if strategy == "distributed":
        pytest.skip("tests/training/distributed trains it")
    extra = learner(name).traits.extra
    if extra is not None:
        pytest.importorskip(extra, reason=f"the extra '{extra}' is not installed")
    task = make_task(tmp_path, frame, strategy, max_genes_per_batch=8, ensemble_cv="out-of-batch", **config_of(name))
    result = STRATEGIES[strategy].train(task)
    probabilities = result.oof.select(probability_columns("calibrated")).to_numpy()
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    assert result.strategy == strategy
    assert {record.learner for record in result.fits} == {name}
    (tmp_path / "model.pkl").write_bytes(dump_model(result.model))
    served = load_model(tmp_path / "model.pkl").predict_proba(frame)
    np.testing.assert_array_equal(served, result.model.predict_proba(frame))
