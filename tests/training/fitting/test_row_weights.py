from __future__ import annotations

import numpy as np
import pytest

from meta_models.training.fitting.row_weights import BETA, class_weights, row_weights

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
