"""Motifs of a fold are of its training rows alone, and its fits use no other fold's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from build_places import make_place
from training_tasks import make_task

from meta_models.config import TrainingConfig
from meta_models.errors import UsageError
from meta_models.features import MOTIF_COLUMNS, fit_motifs
from meta_models.learners.motif_predictor import MotifPredictor
from meta_models.schema import SpliceClass
from meta_models.training.fitting.fit_table import fit_table
from meta_models.training.fitting.folds import make_folds
from meta_models.training.fitting.inputs.motif_columns import fit_fold_motifs, motif_obstacle
from meta_models.training.fitting.one_vs_rest import FINAL, one_of_each_fold
from meta_models.training.fitting.problem import task_problem
from meta_models.training.fitting.task import TrainingTask


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> TrainingTask:
    folder = tmp_path_factory.mktemp("motifs")
    place = make_place(folder / "made")
    return make_task(folder, place.build(folder / "out"), rounds="fixed", threads=1, n_estimators=6)


def test_motifs_are_fitted_on_the_weighted_training_rows(task: TrainingTask) -> None:
    jobs = one_of_each_fold(task_problem(task, make_folds(task.positions, task.config)))
    found = fit_fold_motifs(task, jobs)
    codes = np.concatenate(list(task.dataset.iter_matrix(MOTIF_COLUMNS)))
    assert list(found.motifs) == [0, 1, 2, FINAL]
    for job in jobs:
        rows = job.train
        expected = fit_motifs(codes[rows], task.positions.labels[rows], task.positions.weights[rows])
        np.testing.assert_allclose(found.motifs[job.fold].donor, expected.donor, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found.motifs[job.fold].acceptor, expected.acceptor, rtol=1e-5, atol=1e-6)


def test_held_out_labels_change_nothing(task: TrainingTask) -> None:
    """Every label of fold 0 becomes another one: its motifs, and the scores of its rows, stay as they were."""
    folds = make_folds(task.positions, task.config)
    inside = folds.of_row == 0
    labels = np.where(inside, SpliceClass.NEITHER, task.positions.labels).astype(np.uint8)
    frame = task.positions.frame.with_columns(label=labels)
    other = replace(task, positions=replace(task.positions, frame=frame), input_hashes=("other",))
    fits = [fit_table(each, folds, held_out=(0,)) for each in (task, other)]
    for one, two in zip(*(fit.of_fold(0) for fit in fits), strict=True):
        np.testing.assert_array_equal(one.scores, two.scores)
        assert one.predictor.files() == two.predictor.files()
    final = [fit.predictor(FINAL).files()["motifs.json"] for fit in fits]
    assert final[0] != final[1]


def test_scores_out_of_fold_are_those_of_the_restored_predictor(task: TrainingTask) -> None:
    folds = make_folds(task.positions, task.config)
    fit = fit_table(task, folds)
    matrix = np.concatenate(list(task.dataset.iter_matrix(task.features)))
    for fold in range(3):
        predictor, rows = fit.predictor(fold), folds.of_row == fold
        assert isinstance(predictor, MotifPredictor)
        np.testing.assert_allclose(fit.scores()[rows], predictor.scores(matrix[rows]), atol=1e-6)


def test_where_there_are_no_motifs(task: TrainingTask) -> None:
    def of(motifs: str, **changes: Any) -> TrainingTask:
        config = TrainingConfig.from_mapping({**task.config.model_dump(mode="json"), "motifs": motifs})
        return replace(task, config=config, **changes)

    assert motif_obstacle(of("on")) == ""
    assert motif_obstacle(of("off")) == "--motifs off"
    lacking = tuple(name for name in task.features if name != "base_m3")
    assert motif_obstacle(of("auto", features=lacking)) == "base codes were left out: base_m3"
    with pytest.raises(UsageError, match="base_m3"):
        motif_obstacle(of("on", features=lacking))
    info = replace(task.dataset.info, recipe=None)
    assert "no recipe" in motif_obstacle(of("auto", dataset=replace(task.dataset, info=info)))
