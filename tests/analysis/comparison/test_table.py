"""How figures are written for people."""

from __future__ import annotations

import pytest

from meta_models.analysis.comparison.table import shown


@pytest.mark.parametrize(
    ("value", "sign", "text"),
    [
        (0.91234, "", "0.9123"), (0.00023, "", "2.3e-04"), (-0.00023, "+", "-0.0002"), (0.01, "+", "+0.0100"),
        (0.0, "+", "+0.0000"), (-0.00003, "+", "-0.00003"), (0.00005, "+", "+0.0001"), (-2e-12, "+", "-2e-12"),
         (1234.5, "", "1,234.5"), (None, "+", "–"),
    ],
)  # fmt: skip
def test_a_difference_has_four_decimals_and_a_small_figure_two_digits(
    value: float | None, sign: str, text: str
) -> None:
    assert shown(value, sign) == text
