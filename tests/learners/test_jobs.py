"""What rows count that are trained on."""

from __future__ import annotations

import numpy as np

from meta_models.learners.jobs import rows_trained_on
from meta_models.learners.seam import FitJob


def job(train: list[bool]) -> FitJob:
    none = np.zeros(len(train), bool)
    return FitJob("fold-0", 0, (1,), np.array(train), none, none)


def test_rows_of_the_rarest_class_count_one_on_average() -> None:
    classes = np.array([0, 0, 0, 1, 1, 1])
    weights = np.array([36, 2, 40, 2, 4, 100], np.float32)
    rows, counted = rows_trained_on(job([True, True, True, True, True, False]), classes, weights)
    np.testing.assert_array_equal(rows, [0, 1, 2, 3, 4])
    np.testing.assert_allclose(counted, np.array([36, 2, 40, 2, 4]) / 3)  # rows 3 and 4 count 3 on average


def test_rows_of_no_weight_are_left_out_and_a_class_without_rows_is_not_the_rarest() -> None:
    rows, counted = rows_trained_on(job([True] * 4), np.array([0, 2, 2, 0]), np.array([8, 0, 4, 8], np.float32))
    np.testing.assert_array_equal(rows, [0, 2, 3])
    np.testing.assert_allclose(counted, [2, 1, 2])


def test_rows_count_alike_without_weights() -> None:
    np.testing.assert_array_equal(rows_trained_on(job([True, True]), np.array([0, 1]), None)[1], [1, 1])


def test_nothing_to_train_on() -> None:
    rows, counted = rows_trained_on(job([False, True]), np.array([0, 1]), np.array([1, 0], np.float32))
    assert len(rows) == len(counted) == 0
