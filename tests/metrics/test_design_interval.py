from __future__ import annotations

import numpy as np
import pytest

from meta_models.metrics import average_precision, design_interval, heavy_row_share


def test_certain_rows_leave_nothing_open() -> None:
    found = design_interval(0.8, loss=0.0, error=0.0, unseen=0.0, effective_rows=0.0)
    assert (found.lower, found.upper) == (0.8, 0.8)


def test_many_events_give_the_normal_interval() -> None:
    found = design_interval(0.7, loss=0.2, error=0.005, unseen=0.0, effective_rows=1600)
    assert found.lower == pytest.approx(0.7 - 1.96 * 0.005, abs=2e-4)
    assert found.upper == pytest.approx(0.7 + 1.96 * 0.005, abs=2e-4)


def test_the_interval_of_one_weight_is_the_exact_one_of_a_poisson_count() -> None:
    """Garwood's interval of 3 events is 0.619 to 8.767; a sum of counts of weight 0.01 is a hundredth of it."""
    found = design_interval(0.9, loss=0.03, error=0.01 * 3**0.5, unseen=0.01, effective_rows=20)
    assert 0.9 - found.lower == pytest.approx(0.08767 - 0.03, abs=1e-4)
    assert found.upper - 0.9 == pytest.approx(0.03 - 0.00619, abs=1e-4)


def test_nothing_seen_is_not_nothing_there() -> None:
    found = design_interval(0.97, loss=0.0, error=0.0, unseen=0.01, effective_rows=0)
    assert found.upper == 0.97
    assert found.lower == pytest.approx(0.97 - 0.0369, abs=1e-3)


def test_there_is_none_where_a_few_rows_decide() -> None:
    found = design_interval(0.7, loss=0.1, error=0.04, unseen=0.02, effective_rows=4.2)
    assert (found.lower, found.upper) == (None, None)
    assert "4.2 effective sampled negatives" in (found.reason or "")


def test_it_holds_the_figure_of_all_positions_as_often_as_it_says() -> None:
    """Rare heavy negatives among the sites: the normal interval is too short, this one is not."""
    rng = np.random.default_rng(0)
    positive = np.arange(60_000) < 300
    score = rng.normal(size=60_000) + 5.0 * positive
    exact, share = average_precision(positive, score).value, 0.01
    holds, normal = [], []
    for _ in range(150):
        kept = positive | (rng.random(60_000) < share)
        weight = np.where(positive[kept], 1.0, 1 / share)
        figure = average_precision(positive[kept], score[kept], weight).value
        heavy = heavy_row_share(positive[kept], score[kept], weight)
        found = design_interval(figure, heavy.loss, heavy.design_error, heavy.unseen, 100)
        holds.append(found.lower <= exact <= found.upper)
        normal.append(abs(figure - exact) <= 1.96 * heavy.design_error)
    assert np.mean(normal) < 0.9
    assert np.mean(holds) > 0.93
