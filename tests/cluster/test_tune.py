"""``tune --distributed``: the folds of trials, scored by the workers of a cluster."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tables import make_frame
from training_tasks import make_task

from meta_models.cluster import dask_farm
from meta_models.errors import UnitsFailed
from meta_models.learners.seam import LearnerConfig
from meta_models.search.apart import FarmScorer, TrialWork, score_folds
from meta_models.search.fold_scores import FoldScorer
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.task import TrainingTask

pytest.importorskip("distributed", reason="needs the extra [distributed]")


@pytest.fixture
def task(tmp_path: Path) -> TrainingTask:
    return make_task(tmp_path, make_frame(), rounds="fixed", n_estimators=6)


def trials_of(task: TrainingTask) -> list[LearnerConfig]:
    return [task.config.section.model_copy(update={"max_depth": depth}) for depth in (2, 3)]


def test_a_cluster_scores_what_this_process_scores(task: TrainingTask, scheduler_file: Path, tmp_path: Path) -> None:
    folds = make_folds(task.positions, task.config)
    told: list[bool] = []
    with FoldScorer(task, folds, room=1) as scorer:
        expected = [scorer.score("xgboost", trial, k).value for trial in trials_of(task) for k in range(folds.n_folds)]
    store = type(task.units)(tmp_path / "there" / "units", lambda name, record: told.append(record.reused))
    with dask_farm(f"file:{scheduler_file}", exchange=tmp_path, threads=1, budget=task.budget) as farm:
        there = TrainingTask(**{**vars(task), "units": store, "farm": farm})
        with FarmScorer(there, folds) as scorer:
            found = [scorer.score("xgboost", trial, k).value for trial in trials_of(task) for k in range(folds.n_folds)]
        computed = told.copy()
        with FarmScorer(there, folds) as scorer:
            again = [scorer.score("xgboost", trial, k).value for trial in trials_of(task) for k in range(folds.n_folds)]
    assert found == again == expected
    assert not any(computed)
    assert told[len(computed) :] == [True] * len(expected)


def test_the_process_of_a_fold_that_dies_ends_the_search(
    task: TrainingTask, scheduler_file: Path, tmp_path: Path
) -> None:
    folds = make_folds(task.positions, task.config)
    with dask_farm(f"file:{scheduler_file}", exchange=tmp_path, threads=1, budget=task.budget) as farm:
        there = TrainingTask(**{**vars(task), "farm": farm, "positions": None})
        with FarmScorer(TrainingTask(**{**vars(task), "farm": farm}), folds) as scorer:
            scorer._task = there
            with pytest.raises(
                UnitsFailed, match=r"xgboost-fold-\d must finish"
            ):  # all are under way: any may die first
                scorer.score("xgboost", trials_of(task)[0], 0)


def test_a_piece_of_work_names_its_folds(task: TrainingTask) -> None:
    folds = make_folds(task.positions, task.config)
    work = TrialWork(task.portable(), folds, "xgboost", trials_of(task)[0], numbers=(0, 1)).placed(1, task.budget)
    assert work.parts == ("0", "1")
    names = [name for name, record in score_folds(work.only(["1"])) if record.seconds is not None]
    assert [name.rpartition(".")[2] for name in names] == ["fold-1"]
    assert pl.Series(names).str.starts_with("xgboost-").all()
