import numpy as np
import pytest

from meta_models.inference.suggestion.measures import Surprise, disagreement, expected_change, uncertainty
from meta_models.model.sketches import FeatureSketch


def test_uncertainty_is_the_entropy_in_nats():
    found = uncertainty(np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], [1 / 3, 1 / 3, 1 / 3]]))
    np.testing.assert_allclose(found, [0.0, np.log(2), np.log(3)], atol=1e-12)


def test_members_disagree_where_they_say_different_things_not_where_all_are_unsure():
    sure_and_apart = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
    unsure_and_alike = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]
    members = np.array([sure_and_apart, unsure_and_alike]).transpose(1, 0, 2)
    np.testing.assert_allclose(disagreement(members), [np.log(2), 0.0], atol=1e-12)


def test_expected_change_is_the_expected_slope_of_each_class():
    probabilities = np.array([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    by_hand = [2 * (0.7 * 0.3 + 0.2 * 0.8 + 0.1 * 0.9), 0.0]
    np.testing.assert_allclose(expected_change(probabilities), by_hand)


def test_expected_change_is_the_mean_over_labels_of_the_absolute_residual():
    p = np.array([[0.6, 0.3, 0.1]])
    labels = np.eye(3)
    expected = sum(p[0, k] * np.abs(labels[k] - p[0]).sum() for k in range(3))
    assert expected_change(p)[0] == pytest.approx(expected)


SKETCH = FeatureSketch("float", (0.0, 1.0), (0.0, 0.75, 0.25), 0.2, 0.5, 1.0, 100.0)


def test_surprise_is_0_on_average_over_rows_like_those_of_training():
    surprise = Surprise({"x": SKETCH}, ("x",))
    rows = np.array([0.5] * 60 + [2.0] * 20 + [np.nan] * 20, np.float32)[:, None]  # .75 * .8, .25 * .8, .2
    assert surprise(rows).mean() == pytest.approx(0, abs=1e-9)


def test_values_below_all_of_training_are_the_most_surprising_and_features_without_a_sketch_say_nothing():
    surprise = Surprise({"x": SKETCH}, ("other", "x"))
    below, typical = surprise(np.array([[9.0, -1.0], [0.0, 0.5]], np.float32))
    assert below - typical == pytest.approx(np.log(0.6) - np.log(1e-4))


def test_without_sketches_there_is_no_surprise():
    assert not Surprise({}, ("x",))
