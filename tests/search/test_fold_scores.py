"""What a trial scores in a fold: as if it were trained alone, kept, and reused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from build_places import make_place
from sklearn.metrics import average_precision_score
from tables import make_frame
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import InputError
from meta_models.learners.registry import LEARNERS
from meta_models.learners.seam import LearnerConfig
from meta_models.search import fold_scores
from meta_models.search.fold_scores import FoldScorer
from meta_models.training.fitting.fit_table import fit_table
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.task import TrainingTask


@pytest.fixture
def task(tmp_path: Path) -> TrainingTask:
    return make_task(tmp_path, make_frame(), rounds="fixed")


def section(task: TrainingTask, **options: Any) -> LearnerConfig:
    return task.config.section.model_copy(update=options)  # type: ignore[no-any-return]


def alone(task: TrainingTask, options: LearnerConfig, fold: int) -> float:
    """Mean average precision of a fold of a model that is trained without any search."""
    learner = task.config.learners[0]
    config = task.config.model_copy(update={"sections": {learner: options}})
    folds = make_folds(task.positions, task.config)
    scores = fit_table(TrainingTask(**{**vars(task), "config": config, "units": task.units.within("alone")}), folds)
    here, found = folds.held_out(fold), scores.scores()
    found = found / found.sum(1, keepdims=True)
    labels, weights = task.positions.labels[here], task.positions.weights[here]
    figures = [average_precision_score(labels == k, found[here, k], sample_weight=weights) for k in (1, 2)]
    return float(np.mean(figures))


def test_a_trial_scores_what_its_options_score_alone(task: TrainingTask) -> None:
    folds = make_folds(task.positions, task.config)
    trials = [section(task, max_depth=3), section(task, max_depth=2, learning_rate=0.2), section(task, max_bin=16)]
    with FoldScorer(task, folds, room=1) as scorer:
        for options in trials:
            for fold in (0, 2):
                found = scorer.score("xgboost", options, fold)
                assert found.value == pytest.approx(alone(task, options, fold), rel=1e-5)


@pytest.mark.parametrize("learner", ["logistic", "random_forest"])
def test_learners_whose_rows_serve_other_options_or_not(learner: str, tmp_path: Path) -> None:
    task = task_of(tmp_path, learner)
    folds = make_folds(task.positions, task.config)
    other = {"logistic": {"penalty": 1e-2}, "random_forest": {"max_depth": 2}}[learner]
    with FoldScorer(task, folds, room=2) as scorer:
        for options in (task.config.section, section(task, **other)):
            found = scorer.score(learner, options, 1)
            assert found.value == pytest.approx(alone(task, options, 1), rel=1e-5)


def test_motif_scores_serve_all_trials_and_are_those_of_each_fold(tmp_path: Path) -> None:
    built = make_place(tmp_path / "made").build(tmp_path / "built")
    task = make_task(tmp_path, built, rounds="fixed", threads=1, n_estimators=6)
    with FoldScorer(task, make_folds(task.positions, task.config), room=1) as scorer:
        for options in (section(task, max_depth=3), section(task, max_depth=2)):
            assert scorer.score("xgboost", options, 1).value == pytest.approx(alone(task, options, 1), rel=1e-5)


def task_of(folder: Path, learner: str) -> TrainingTask:
    task = make_task(folder, make_frame(), rounds="fixed")
    options = {"random_forest": {"n_trees": 5}}.get(learner, {})
    config = TrainingConfig.from_mapping({"learner": learner, "n_folds": 3, learner: options})
    return TrainingTask(**{**vars(task), "config": config})


def test_what_is_finished_is_not_fitted_again(task: TrainingTask, monkeypatch: pytest.MonkeyPatch) -> None:
    folds = make_folds(task.positions, task.config)
    with FoldScorer(task, folds, room=1) as scorer:
        first = scorer.score("xgboost", section(task, max_depth=3), 1)
    assert first.seconds > 0
    monkeypatch.setattr(fold_scores, "run_jobs", None)
    with FoldScorer(task, folds, room=1) as scorer:
        assert scorer.score("xgboost", section(task, max_depth=3), 1) == first
        with pytest.raises(TypeError):
            scorer.score("xgboost", section(task, max_depth=4), 1)


def test_a_trial_that_cannot_be_fitted_is_kept_as_such(task: TrainingTask, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object, **__: object) -> None:
        raise InputError("It must fit", "It does not")

    folds = make_folds(task.positions, task.config)
    with monkeypatch.context() as patched:
        patched.setattr(fold_scores, "run_jobs", refuses)
        with FoldScorer(task, folds, room=1) as scorer:
            found = scorer.score("xgboost", section(task), 0)
    assert (found.value, found.reason) == (None, "It must fit. It does not.")
    with FoldScorer(task, folds, room=1) as scorer:  # it would be fitted now, but the search asks what it asked before
        assert scorer.score("xgboost", section(task), 0).reason == found.reason


def test_rows_are_prepared_once_for_all_trials(task: TrainingTask, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    learner = LEARNERS["xgboost"]
    prepare = type(learner).prepare
    monkeypatch.setattr(type(learner), "prepare", lambda *a: made.append(1) or prepare(*a))
    with FoldScorer(task, make_folds(task.positions, task.config), room=1) as scorer:
        for depth in (2, 3, 4):
            scorer.score("xgboost", section(task, max_depth=depth), 0)
        assert len(made) == 1
        scorer.score("xgboost", section(task, max_bin=8), 0)
    assert len(made) == 2
