from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import class_table
from sklearn import metrics as sk

from meta_models.metrics import brier_score, expected_calibration_error, log_loss, normalised, reliability_bins


@pytest.mark.parametrize("weighted", [False, True])
def test_losses_equal_scikit_learn(*, weighted: bool) -> None:
    labels, p, w = class_table(0)
    weight = w if weighted else None
    assert log_loss(labels, p, weight).value == pytest.approx(sk.log_loss(labels, p, sample_weight=weight))
    brier = np.average(((p - np.eye(3)[labels]) ** 2).sum(1), weights=weight)
    assert brier_score(labels, p, weight).value == pytest.approx(brier)


def test_scores_that_do_not_sum_to_one_are_normalised() -> None:
    labels, p, _ = class_table(1)
    scaled = p * np.random.default_rng(0).uniform(0.2, 5, (len(p), 1))
    assert log_loss(labels, scaled).value == pytest.approx(log_loss(labels, p).value)
    assert normalised([[0.0, 0.0, 0.0]]).tolist() == [[1 / 3] * 3]
    with pytest.raises(ValueError, match="finite"):
        normalised([[np.nan, 0.5, 0.5]])
    with pytest.raises(ValueError, match="not negative"):
        normalised([[-0.1, 0.5, 0.6]])


def test_log_loss_is_clipped() -> None:
    assert log_loss([1], [[1.0, 0.0, 0.0]]).value == pytest.approx(-np.log(1e-7))


def test_input_is_not_changed() -> None:
    labels, p, _ = class_table(2)
    before = p.copy()
    brier_score(labels, p)
    assert np.array_equal(before, p)


def test_calibration_error_by_hand() -> None:
    probability = np.array([0.0, 0.05, 0.5, 0.52, 1.0])
    positive = np.array([0, 1, 1, 0, 1], bool)
    weight = np.array([4.0, 2.0, 1.0, 1.0, 2.0])
    low = abs((4 * 0.0 + 2 * 0.05) - 2)
    middle = abs((0.5 + 0.52) - 1)
    found = expected_calibration_error(positive, probability, weight, bins=10)
    assert found.value == pytest.approx((low + middle) / 10)


def test_bins_are_weighted_by_what_they_hold_not_equally() -> None:
    probability = np.concatenate([np.full(999, 0.01), [0.99]])
    positive = np.concatenate([np.zeros(999, bool), [False]])
    assert expected_calibration_error(positive, probability).value == pytest.approx(0.01 * 0.999 + 0.99 * 0.001)


def test_calibrated_probabilities_have_a_small_error() -> None:
    rng = np.random.default_rng(0)
    p = rng.random(200_000)
    positive = rng.random(200_000) < p
    assert expected_calibration_error(positive, p).value < 0.01
    assert expected_calibration_error(positive, p**3).value > 0.1


def test_reliability_bins() -> None:
    bins = reliability_bins([True, False, True], [0.0, 0.1, 1.0], bins=5)
    assert bins.edges.tolist() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert bins.weight.tolist() == [2, 0, 0, 0, 1]
    assert bins.observed_share[[0, 4]].tolist() == [0.5, 1.0]
    assert np.isnan(bins.mean_probability[1:4]).all()


def test_null_with_a_reason() -> None:
    none = np.empty(0)
    for found in (
        log_loss(none, np.empty((0, 3))),
        brier_score([0], [[1.0, 0, 0]], [0.0]),
        expected_calibration_error(none, none),
    ):
        assert found.value is None
        assert found.reason == "no rows with a weight above 0"
