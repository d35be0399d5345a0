"""What chance gives."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.search.chance import chance_precision


def test_chance_of_many_rows_is_the_share_of_the_sites() -> None:
    labels = np.repeat([0, 1, 2], [8000, 1200, 800])
    whole = np.ones(len(labels), bool)
    found = chance_precision(labels, None, [whole], seed=0)
    assert found.mean == pytest.approx((0.12 + 0.08) / 2, abs=0.004)
    assert found.mean < found.upper < found.mean + 0.02
    assert chance_precision(labels, None, [whole], seed=0) == found


def test_weights_count_and_parts_are_averaged() -> None:
    labels = np.tile(np.repeat([0, 1, 2], [800, 100, 100]), 2)
    weights = np.where(labels == 0, 9.0, 1.0).astype(np.float32)
    parts = [np.arange(2000) < 1000, np.arange(2000) >= 1000]
    found = chance_precision(labels, weights, parts, seed=1)
    assert found.mean == pytest.approx(100 / (7200 + 200), rel=0.2)
    one = chance_precision(labels, weights, parts[:1], seed=1)
    assert found.upper - found.mean < one.upper - one.mean  # a mean of two scatters less
