"""A student learns from scores of other folds alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.errors import InputError
from meta_models.result import CALIBRATED, RAW, TrainingResult, probability_columns
from meta_models.training.distillation.student import StudentStrategy, distil
from meta_models.training.distillation.teacher import Teacher
from meta_models.training.fitting.task import TrainingTask
from meta_models.training.strategies.single_model import SingleModelStrategy


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TrainingTask:
    options = {"n_estimators": 5, "n_folds": 3, "threads": 1, "bootstrap_samples": 20, "rounds": "fixed"}
    options |= {"subsample": 1.0}  # which rows a tree sees depends on how many there are
    return make_task(tmp_path_factory.mktemp("task"), make_frame(n_genes=24), **options)


@pytest.fixture(scope="module")
def taught(task: TrainingTask) -> TrainingResult:
    return SingleModelStrategy().train(replace(task, units=task.units.within("teacher")))


def teacher_of(task: TrainingTask, result: TrainingResult, scores: np.ndarray) -> Teacher:
    columns = [pl.Series(name, scores[:, k]) for k, name in enumerate(probability_columns(CALIBRATED))]
    return Teacher("teacher", replace(result, oof=result.oof.with_columns(columns)), task.input_hashes)


def raw(result: TrainingResult) -> np.ndarray:
    return result.oof.select(probability_columns(RAW)).to_numpy()


def test_scores_of_a_fold_do_not_reach_its_student(task: TrainingTask, taught: TrainingResult) -> None:
    """Other teacher's scores in fold 0 leave the student of fold 0 as it is, and change the others."""
    scores = teacher_of(task, taught, raw(taught)).probabilities
    inside = taught.oof["fold"].to_numpy() == 0
    changed = scores.copy()
    changed[inside] = changed[inside][:, [1, 2, 0]]
    one, two = (
        StudentStrategy(teacher_of(task, taught, values)).train(replace(task, units=task.units.within(name)))
        for name, values in (("one", scores), ("two", changed))
    )
    assert one.oof["fold"].equals(taught.oof["fold"])
    np.testing.assert_array_equal(raw(one)[inside], raw(two)[inside])
    assert not np.allclose(raw(one)[~inside], raw(two)[~inside])


def test_a_student_of_the_labels_is_an_ordinary_model(task: TrainingTask, taught: TrainingResult) -> None:
    """Where the teacher says exactly what is true, the rows are those of the table, and so is the student."""
    truth = np.eye(3)[task.positions.labels]
    student = StudentStrategy(teacher_of(task, taught, truth)).train(replace(task, units=task.units.within("truth")))
    np.testing.assert_array_equal(raw(student), raw(taught))


def test_what_it_costs_is_told(task: TrainingTask, taught: TrainingResult) -> None:
    result = distil(teacher_of(task, taught, raw(taught)), replace(task, units=task.units.within("told")))
    board = result.leaderboard
    assert board is not None
    assert {row.role for row in board.standings} == {"member", "teacher", "base"}
    (pair,) = board.pairs
    means = {row.name: row.table_mean for row in board.standings}
    assert pair.difference.value == pytest.approx(means["xgboost"] - means["teacher"])
    assert result.model.info.provenance["distilled_from"] == "teacher"
    assert set(result.contenders.members) == {"xgboost", "teacher"}


def test_another_table_is_refused(task: TrainingTask, taught: TrainingResult) -> None:
    teacher = Teacher("teacher", taught, ("other",))
    with pytest.raises(InputError, match="must be the one that the teacher was trained on"):
        distil(teacher, task)
