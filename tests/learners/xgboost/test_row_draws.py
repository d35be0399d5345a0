"""Rows that are drawn by their numbers."""

from __future__ import annotations

import numpy as np

from meta_models.learners.xgboost.own_loss import OwnLoss
from meta_models.learners.xgboost.row_draws import DrawnRows, RowDraws

_MASK = 2**64 - 1


def mixed(value: int) -> int:
    """The finaliser of SplitMix64, in Python's integers."""
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def test_the_first_numbers_of_splitmix64() -> None:
    """Those of the seed 1234567, as Java's SplittableRandom gives them."""
    step, state = 0x9E3779B97F4A7C15, 1234567
    found = [mixed((state + k * step) & _MASK) for k in (1, 2, 3)]
    assert found == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_a_row_is_drawn_by_its_number_alone() -> None:
    step, share = 0x9E3779B97F4A7C15, 0.3
    key = mixed((mixed(7 + step) + 2) & _MASK)
    expected = [(mixed((key + row * step) & _MASK) >> 11) / 2**53 < share for row in range(200)]
    found = RowDraws(share, 7).drawn(2, slice(0, 200))
    assert found.tolist() == expected
    assert RowDraws(share, 7, first=150).drawn(2, slice(0, 50)).tolist() == expected[150:]


def test_shares_rounds_and_seeds() -> None:
    draws, rows = RowDraws(0.8, 3), slice(0, 100_000)
    one, other = draws.drawn(0, rows), draws.drawn(1, rows)
    assert abs(one.mean() - 0.8) < 4 * np.sqrt(0.8 * 0.2 / 100_000)
    assert abs((one & other).mean() - 0.64) < 4 * np.sqrt(0.64 * 0.36 / 100_000)
    assert abs((one[1:] & one[:-1]).mean() - 0.64) < 0.01
    assert (RowDraws(0.8, 4).drawn(0, rows) != one).mean() > 0.2
    assert RowDraws(1.0, 3).drawn(0, rows).all()


def test_derivatives_of_rows_that_are_not_drawn_are_0() -> None:
    rng = np.random.default_rng(0)
    truth, weights = rng.random(70_000) < 0.3, rng.random(70_000).astype(np.float32)
    loss, draws = OwnLoss(truth, weights, 0.0, 0.3), RowDraws(0.5, 1)
    margins = rng.normal(size=70_000).astype(np.float32)
    margins[0], margins[1] = -1e4, 1e4
    first, second = loss(margins, None)
    with np.errstate(over="ignore"):
        p = 1 / (1 + np.exp(-margins.astype(np.float64)))
    np.testing.assert_allclose(first, weights * (p - truth), rtol=1e-6)
    np.testing.assert_allclose(second[2:], (weights * p * (1 - p))[2:], rtol=1e-6)
    objective = DrawnRows(loss, draws)
    for number in range(2):
        drawn = draws.drawn(number, slice(0, 70_000))
        slopes, bends = objective(margins, None)
        np.testing.assert_array_equal(slopes, np.where(drawn, first, 0))
        np.testing.assert_array_equal(bends, np.where(drawn, second, 0))
