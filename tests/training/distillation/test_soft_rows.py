"""Scores of a teacher as weighted rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tables import make_frame
from training_tasks import make_task

from meta_models.training.distillation.soft_rows import SoftRows
from meta_models.training.fitting.folds import make_folds

SCORES = np.array([[0.9995, 0.0003, 0.0002], [0.2, 0.7, 0.1], [0.5, 0.0, 0.5], [0.0, 0.01, 0.99]], np.float32)


def test_a_row_stands_for_each_class_that_is_possible() -> None:
    """Rows first for their best class; then copies for neither, donor and acceptor."""
    soft = SoftRows.of(SCORES)
    assert soft.source.tolist() == [0, 1, 2, 3, 1, 3, 1, 2]
    assert soft.labels.tolist() == [0, 1, 0, 2, 0, 1, 2, 2]
    np.testing.assert_allclose(soft.shares, [1, 0.7, 0.5, 0.99, 0.2, 0.01, 0.1, 0.5], rtol=1e-6)
    assert soft.n_rows == 4
    assert soft.copies.tolist() == [1, 3, 1, 2]


def test_the_log_loss_of_the_rows_is_the_cross_entropy_with_the_teacher() -> None:
    rng = np.random.default_rng(0)
    teacher, student = rng.dirichlet(np.ones(3), 500), rng.dirichlet(np.ones(3), 500)
    teacher = np.where(teacher < 1e-3, 1e-3, teacher)
    teacher /= teacher.sum(axis=1, keepdims=True)
    soft = SoftRows.of(teacher)
    losses = -np.log(student[soft.source, soft.labels])
    assert np.isclose((soft.shares * losses).sum(), -(teacher * np.log(student)).sum(), rtol=1e-5)


def test_copies_have_the_features_weights_and_folds_of_their_rows(tmp_path: Path) -> None:
    frame = make_frame(n_genes=12).with_columns(sampling_weight=np.linspace(1, 3, 360).astype(np.float32))
    task = make_task(tmp_path, frame)
    soft = SoftRows.of(np.random.default_rng(1).dirichlet((0.3, 0.3, 0.3), 360))
    larger, folds = soft.task(task, tmp_path / "copies"), make_folds(task.positions, task.config)
    matrix = np.concatenate(list(task.dataset.iter_matrix(task.features)))
    copies = np.concatenate(list(larger.dataset.iter_matrix(task.features)))
    np.testing.assert_array_equal(copies, matrix[soft.source])
    np.testing.assert_array_equal(larger.positions.labels, soft.labels)
    np.testing.assert_array_equal(soft.folds(folds).of_row, folds.of_row[soft.source])
    by_row = np.bincount(soft.source, soft.weights(task))
    np.testing.assert_allclose(by_row, np.linspace(1, 3, 360), rtol=1e-5)
    assert larger.input_hashes[:-1] == task.input_hashes
