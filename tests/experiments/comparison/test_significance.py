"""Tests over folds, runs and tables against published figures and independent formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from meta_models.experiments.comparison.significance import bootstrap_p_value, corrected_t_test, friedman_test, holm

#: Table 6 of Demsar 2006: AUC of C4.5, C4.5+m, C4.5+cf, C4.5+m+cf on 14 data sets.
DEMSAR = np.array([
    [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
])  # fmt: skip


def test_the_plain_test_is_that_of_scipy_and_the_corrected_one_its_statistic_shrunk() -> None:
    differences = [0.005, 0.009, 0.002, 0.011, 0.004]
    found = corrected_t_test(differences)
    plain = stats.ttest_1samp(differences, 0)
    assert found.plain_p_value == pytest.approx(plain.pvalue)
    shrunk = plain.statistic * math.sqrt((1 / 5) / (1 / 5 + 1 / 4))
    assert found.p_value == pytest.approx(2 * (1 - stats.t.cdf(shrunk, 4)))


def test_a_difference_that_the_plain_test_finds_and_the_corrected_one_does_not() -> None:
    found = corrected_t_test([0.005, 0.009, 0.001, 0.011, 0.003])
    assert found.plain_p_value is not None
    assert found.p_value is not None
    assert found.plain_p_value < 0.05 < found.p_value


def test_two_folds_by_hand() -> None:
    # mean 2, variance 2, factor 1/2 + 1 -> t = 2 / sqrt(3); one degree of freedom is a Cauchy distribution
    expected = 1 - 2 * math.atan(2 / math.sqrt(3)) / math.pi
    assert corrected_t_test([1.0, 3.0]).p_value == pytest.approx(expected)


@pytest.mark.parametrize(
    ("differences", "words"),
    [([0.1], "2 of them"), ([0.1, math.nan, 0.2], "1 of 3 folds have no figure"), ([0.1, 0.1], "the same in every")],
)
def test_no_test_over_folds_says_why(differences: list[float], words: str) -> None:
    found = corrected_t_test(differences)
    assert found.p_value is None
    assert words in (found.reason or "")


def test_bootstrap_p_value_by_hand() -> None:
    values = np.array([-1.0, 2.0, 3.0, 4.0, np.nan])
    assert bootstrap_p_value(values) == pytest.approx(2 * (1 + 1) / (4 + 1))
    assert bootstrap_p_value(-values) == bootstrap_p_value(values)
    assert bootstrap_p_value([0.0] * 5) == 1.0
    assert bootstrap_p_value([math.nan]) is None


def test_holm_by_hand() -> None:
    # sorted: .01 x 3, .02 x 2, .04 x 1; the last may not fall below the one before
    assert holm([0.02, None, 0.01, 0.04]) == pytest.approx([0.04, None, 0.03, 0.04], nan_ok=True)
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_friedman_and_critical_difference_are_those_of_demsar() -> None:
    found = friedman_test(DEMSAR)
    assert found.mean_ranks == pytest.approx([3.143, 2.0, 2.893, 1.964], abs=1e-3)
    ties = (4**3 - 4) + 3 * (2**3 - 2)  # one row of four equal figures, three of two; Demsar does not correct for them
    assert found.statistic == pytest.approx(9.28 / (1 - ties / (14 * 4 * 15)), abs=0.01)
    assert found.critical_difference == pytest.approx(1.25, abs=0.01)  # q = 2.569 for four
    assert found.reason is None


def test_few_tables_or_runs_are_said() -> None:
    assert "describes" in (friedman_test(DEMSAR[:3]).reason or "")
    few = friedman_test(DEMSAR[:, :2])
    assert few.p_value is None
    assert "found 14 and 2" in (few.reason or "")
    assert few.mean_ranks == pytest.approx([1.79, 1.21], abs=0.01)
