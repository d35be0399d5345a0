from __future__ import annotations

import numpy as np
import pytest

from meta_models.training.fitting.rows.weights import BETA, class_weights, row_weights

LABELS = np.repeat([0, 1, 2], [900, 60, 40]).astype(np.uint8)
SAMPLING = np.where(LABELS == 0, 7.5, 1.0).astype(np.float32)


def test_none_and_sampling_are_what_they_say() -> None:
    assert row_weights("none", LABELS, SAMPLING) is None
    assert row_weights("sampling", LABELS, SAMPLING) is SAMPLING
    assert row_weights("sampling", LABELS, None) is None


def test_balanced_gives_every_class_the_same_total() -> None:
    weights = row_weights("balanced", LABELS, SAMPLING)
    assert weights is not None
    np.testing.assert_allclose(np.bincount(LABELS, weights), len(LABELS) / 3, rtol=1e-5)


def test_effective_numbers_are_those_of_the_definition() -> None:
    """The effective number is the sum of BETA^k: every further row adds a little less than the one before."""
    counts = np.array([20_000, 150, 1])
    expected = [sum(BETA**k for k in range(n)) for n in counts]
    np.testing.assert_allclose(1 / class_weights("effective", counts), expected, rtol=1e-9)
    assert row_weights("effective", LABELS, None).mean() == pytest.approx(1, rel=1e-5)


def test_effective_lies_between_none_and_balanced() -> None:
    counts = np.array([30_000, 1_000, 0])
    balanced, effective = (class_weights(kind, counts) for kind in ("balanced", "effective"))
    assert 1 < effective[1] / effective[0] < balanced[1] / balanced[0]
    assert np.isfinite(effective).all()


@pytest.mark.parametrize(("kind", "size"), [("balanced-draws", 40), ("oversampling", 900)])
def test_as_many_rows_are_drawn_of_each_class(kind: str, size: int) -> None:
    weights = row_weights(kind, LABELS, None, seed=3)
    times = np.rint(weights / weights[weights > 0].min())
    np.testing.assert_allclose(weights * 3 * size / len(LABELS), times, rtol=1e-5)
    np.testing.assert_array_equal(np.bincount(LABELS, times), [size] * 3)
    assert weights.mean() == pytest.approx(1, rel=1e-5)
    assert (weights[LABELS == 0] == 0).any()


def test_rows_are_drawn_in_proportion_to_what_they_stand_for_and_by_the_seed() -> None:
    sampling = np.where(np.arange(len(LABELS)) < 450, 3.0, 1.0).astype(np.float32)  # half of the negatives
    one, again, other = (row_weights("oversampling", LABELS, sampling, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert (one != other).any()
    heavy, light = one[:450].sum(), one[450:900].sum()
    assert heavy / light == pytest.approx(3, rel=0.2)


def test_classes_are_multiplied_and_the_mean_stays() -> None:
    plain = row_weights("none", LABELS, None, of_classes=(1, 5, 10))
    assert plain.mean() == pytest.approx(1, rel=1e-5)
    np.testing.assert_allclose(plain / plain[0], np.array([1, 5, 10])[LABELS], rtol=1e-5)
    sampled = row_weights("sampling", LABELS, SAMPLING, of_classes=(1, 2, 2))
    assert sampled.mean() == pytest.approx(SAMPLING.mean(), rel=1e-5)
    np.testing.assert_allclose(sampled / sampled[0], SAMPLING / SAMPLING[0] * np.array([1, 2, 2])[LABELS], rtol=1e-5)
