"""Models of two folds: the genes of neither are trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import InputError
from meta_models.learners.continued import join_served
from meta_models.learners.seam import FitJob, Fitted, Predictor
from meta_models.training.fitting.folds import Folds, make_folds
from meta_models.training.fitting.pairs import Pair, fit_pairs
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies.single_model import SingleModelStrategy


class Recorder(SingleModelStrategy):
    """Keeps the jobs that it is given."""

    def __init__(self) -> None:
        self.jobs: list[FitJob] = []

    def fit_jobs(self, task: TrainingTask, jobs: Sequence[FitJob], title: str) -> dict[str, Fitted]:
        self.jobs += jobs
        return super().fit_jobs(task, jobs, title)


@pytest.fixture
def task(tmp_path: Path) -> TrainingTask:
    return make_task(tmp_path, make_frame(24), n_folds=4, rounds="fixed")


def test_no_model_of_a_pair_is_trained_on_its_genes(task: TrainingTask) -> None:
    folds, strategy = make_folds(task.positions, task.config), Recorder()
    fits = fit_pairs(task, folds, strategy.fit_jobs, "--stages")
    assert set(fits) == {Pair(pair) for pair in combinations(range(4), 2)}
    assert len({job.fold for job in strategy.jobs}) == 6  # motif scores are fitted for each number
    for job in strategy.jobs:
        pair = {int(k) for k in job.name.split("-")[2:4]}
        np.testing.assert_array_equal(job.train, ~np.isin(folds.of_row, list(pair)))
        assert not set(folds.groups[job.train]) & set(folds.groups[~job.train])


def test_the_model_of_a_pair_is_that_of_the_rows_outside(task: TrainingTask) -> None:
    """Learnt again on a table that lacks these rows."""
    folds = make_folds(task.positions, task.config)
    found = _model(task, folds)
    matrix = next(task.dataset.iter_matrix(task.features))
    changed = task.positions.labels.copy()
    inside = np.isin(folds.of_row, (1, 3))
    changed[inside] = 2 - changed[inside]
    frame = task.positions.frame.with_columns(label=changed)
    other = replace(task, positions=replace(task.positions, frame=frame), units=task.units.within("other"))
    np.testing.assert_array_equal(found.scores(matrix), _model(other, folds).scores(matrix))


def _model(task: TrainingTask, folds: Folds) -> Predictor:
    pairs = fit_pairs(task, folds, SingleModelStrategy().fit_jobs, "--stages")
    return join_served(task.config.learner, [fitted.predictor for _, fitted in pairs[Pair((1, 3))]])


def test_stop_rows_are_outside_too(tmp_path: Path) -> None:
    task = make_task(tmp_path, make_frame(24), n_folds=3, rounds="early-stopping")
    folds, strategy = make_folds(task.positions, task.config), Recorder()
    fit_pairs(task, folds, strategy.fit_jobs, "--stages")
    for job in strategy.jobs:
        assert job.stop.any()
        assert not (job.score & (job.train | job.stop)).any()


def test_a_class_that_is_absent_outside_is_an_error(task: TrainingTask) -> None:
    folds = make_folds(task.positions, task.config)
    of_row = np.where(task.positions.labels == 1, folds.of_row % 2, folds.of_row).astype(np.int16)
    with pytest.raises(InputError, match=r"--stages needs every class .*no row of donor"):
        fit_pairs(task, Folds(of_row, folds.groups, folds.genes), SingleModelStrategy().fit_jobs, "--stages")
