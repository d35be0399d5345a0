"""The strategy ``incremental``: what the single model becomes, from blocks that are read once for all fits."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.dataset.reading.reader import Dataset
from meta_models.errors import TimeUp, UsageError
from meta_models.learners.classical.sgd import options as sgd
from meta_models.learners.seam import Shape
from meta_models.persistence import dump_model
from meta_models.result import TrainingResult
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.memory import fitting_peak
from meta_models.training.selection import choose_strategy
from meta_models.training.strategies import STRATEGIES

INCREMENTAL = STRATEGIES["incremental"]
SGD = {"learners": ["sgd"], "sgd.passes": 3, "sgd.bins": 8, "max_hours": 1.0}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of 256 rows: several of them."""
    monkeypatch.setattr(sgd, "BLOCK_VALUES", 1)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Rows of each chunk of a block's size that was read."""
    rows: list[int] = []
    chunks = Dataset.iter_matrix

    def counted(self: Dataset, columns: Sequence[str], chunk_rows: int | None = None) -> Iterator[NDArray[np.float32]]:
        for chunk in chunks(self, columns, chunk_rows):
            rows.extend([len(chunk)] if chunk_rows == 256 else [])
            yield chunk

    monkeypatch.setattr(Dataset, "iter_matrix", counted)
    return rows


@pytest.fixture
def make(tmp_path: Path) -> Callable[[str], TrainingTask]:
    frame = make_frame(n_genes=40)
    return lambda folder: make_task(tmp_path / folder, frame, "incremental", **SGD)


def same(first: TrainingResult, second: TrainingResult) -> bool:
    return first.oof.equals(second.oof) and dump_model(first.model) == dump_model(second.model)


def test_it_becomes_what_the_single_model_becomes(make: Callable[[str], TrainingTask]) -> None:
    single = STRATEGIES["single_model"].train(make("single"))
    incremental = INCREMENTAL.train(make("incremental"))
    assert single.oof.equals(incremental.oof)
    features = make("features").dataset.read_rows(np.arange(100), single.kept_features)
    assert incremental.model.info.strategy == "incremental"
    for fold, model in single.fold_models.items():
        np.testing.assert_array_equal(
            model.predict_proba(features), incremental.fold_models[fold].predict_proba(features)
        )


def test_each_block_is_read_once_for_all_fits(make: Callable[[str], TrainingTask], read: list[int]) -> None:
    task = make("counted")
    INCREMENTAL.train(task)
    assert max(read) <= 256 < task.dataset.n_rows
    assert sum(read) == (SGD["sgd.passes"] + 1) * task.dataset.n_rows  # the last one scores


def test_a_run_that_was_stopped_goes_on_with_the_pass_it_was_in(
    make: Callable[[str], TrainingTask], read: list[int]
) -> None:
    undisturbed = INCREMENTAL.train(make("undisturbed"))
    read.clear()
    task = make("stopped")
    for _ in range(2):
        with pytest.raises(TimeUp):
            INCREMENTAL.train(dataclasses.replace(task, ends_at=time.monotonic()))
        assert task.units.names() == ("passes-final",)
    assert sum(read) == 2 * task.dataset.n_rows
    resumed = INCREMENTAL.train(task)
    assert sum(read) == (SGD["sgd.passes"] + 1) * task.dataset.n_rows
    assert same(resumed, undisturbed)
    assert task.units.names() == ("final", "fold-0", "fold-1", "fold-2")
    read.clear()
    assert same(INCREMENTAL.train(make("stopped")), undisturbed)
    assert not read


def test_other_options_start_anew(make: Callable[[str], TrainingTask], tmp_path: Path, read: list[int]) -> None:
    task = make("changed")
    with pytest.raises(TimeUp):
        INCREMENTAL.train(dataclasses.replace(task, ends_at=time.monotonic()))
    read.clear()
    config = TrainingConfig(**{**SGD, "sgd.learning_rate": 1.0, "n_folds": 3})
    INCREMENTAL.train(dataclasses.replace(task, config=config))
    assert sum(read) == (SGD["sgd.passes"] + 1) * task.dataset.n_rows


def test_who_cannot_is_refused_with_the_reason() -> None:
    for name, reason in (("xgboost", "fitted on all rows at a time"), ("tcn", "goes over whole genes")):
        with pytest.raises(UsageError, match=f"{name} .*{reason}"):
            INCREMENTAL.require_possible(TrainingConfig(learners=[name]))


@pytest.mark.parametrize(
    ("genes", "peaks", "name"),
    [
        (4001, {"incremental": 1}, "incremental"),
        (10, {"single_model": 99, "incremental": 1}, "incremental"),
        (4001, {"incremental": 99}, "batch_ensemble"),
        (4001, {}, "batch_ensemble"),
        (10, {"incremental": 1}, "single_model"),
    ],
)
def test_auto_takes_it_where_one_model_is_too_large(
    make: Callable[[str], TrainingTask], genes: int, peaks: dict[str, int], name: str
) -> None:
    profile = dataclasses.replace(make("profile").profile, genes=genes)
    choice = choose_strategy(profile, TrainingConfig(**SGD), {"single_model": 5, "batch_ensemble": 5, **peaks}, 10)
    assert choice.name == name
    if name == "incremental":
        assert "sgd goes over all of them block by block" in choice.reason


def test_what_all_fits_have_learnt_is_in_the_predicted_peak(make: Callable[[str], TrainingTask]) -> None:
    task, shape = make("peak"), Shape(100_000, 10_000)
    fewer, more = (fitting_peak(shape, task.config, task.resources, n) for n in (99, 100))
    assert more - fewer == task.config.learner.footprint(shape, task.config.section, task.resources).job
