"""What looks like percent."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.dataset.plausibility.percent import ends, percent_hint


def test_ends_pass_over_what_is_no_number() -> None:
    assert ends(np.array([[0.5, np.nan], [7.0, 2.0]])) == (0.5, 7.0)
    assert ends(np.array([np.nan])) == (np.inf, -np.inf)


@pytest.mark.parametrize(
    ("lowest", "highest", "told"),
    [(0, 100, True), (0, 10.5, True), (0, 1.5, False), (-1, 90, False), (0, 101, False), (np.inf, -np.inf, False)],
)
def test_percent_are_above_ten_and_never_negative(lowest: float, highest: float, told: bool) -> None:
    assert bool(percent_hint(lowest, highest)) is told
