from __future__ import annotations

import numpy as np
import pytest
from simulated_scores import scored

from meta_models.metrics import (
    average_precision,
    design_error,
    heavy_row_share,
    sound_average_precision,
    weight_effects,
)


def test_the_parts_add_up_to_what_is_missing() -> None:
    t = scored(0)
    weight = np.where(t.positive, 1.0, t.weight + 1)
    found = heavy_row_share(t.positive, t.score, weight)
    missing = 1 - average_precision(t.positive, t.score, weight).value
    assert found.loss == pytest.approx(missing)
    assert found.share == pytest.approx(1)
    assert not found.few


def test_slopes_are_derivatives() -> None:
    t = scored(1)
    slopes = weight_effects(t.positive, t.score, t.weight)[1]
    start = average_precision(t.positive, t.score, t.weight).value
    for row in np.flatnonzero(~t.positive)[:25]:
        weight = t.weight.copy()
        weight[row] += 1e-6
        moved = (average_precision(t.positive, t.score, weight).value - start) / 1e-6
        assert slopes[row] == pytest.approx(moved, abs=1e-6)
    assert np.all(slopes[t.positive] == 0)


def test_one_heavy_row_on_top_is_decisive_and_many_are_not() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(2000) < 100
    score = np.where(positive, 0.9, 0.1) + 0.05 * rng.random(2000)
    weight = np.where(positive, 1.0, 200.0)
    lucky = heavy_row_share(positive, score, weight)
    assert (lucky.loss, lucky.few) == (0.0, False)
    assert lucky.coarse
    assert not heavy_row_share(positive, score, np.where(positive, 1.0, 2.0)).coarse
    score[1500] = 1.0
    found = heavy_row_share(positive, score, weight)
    assert found.decisive
    assert found.effective_rows == pytest.approx(1)
    assert "1.0 effective sampled negatives" in found.text
    many = heavy_row_share(positive, np.where(np.arange(2000) > 1900, 1.0, score), np.where(positive, 1.0, 2.0))
    assert many.loss > 0.05
    assert not many.few


def test_certain_rows_have_no_design_error() -> None:
    t = scored(2)
    assert heavy_row_share(t.positive, t.score, np.ones(len(t.score))).design_error == 0.0


def test_design_error_is_the_spread_over_samples_and_the_estimate_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    positive = np.arange(20_000) < 300
    score = rng.normal(size=20_000) + 3.0 * positive
    other = rng.normal(size=20_000) + 3.2 * positive
    truth = [average_precision(positive, s).value for s in (score, other)]
    figures, errors = [], []
    for _ in range(200):
        kept = positive | (rng.random(20_000) < 0.4)
        y, weight = positive[kept], np.where(positive[kept], 1.0, 2.5)
        figures.append([average_precision(y, s[kept], weight).value for s in (score, other)])
        slopes = [weight_effects(y, s[kept], weight)[1] for s in (score, other)]
        errors.append([design_error(x, weight) for x in (*slopes, slopes[1] - slopes[0])])
    values = np.array(figures)
    spread = [*values.std(0), (values[:, 1] - values[:, 0]).std()]
    assert values.mean(0) == pytest.approx(truth, abs=0.01)
    assert np.mean(errors, axis=0) == pytest.approx(spread, rel=0.2)
    inside = np.abs(values - truth) < 1.96 * np.array(errors)[:, :2]
    assert 0.9 < inside.mean() < 0.985


def test_no_positives_no_effect() -> None:
    found = heavy_row_share([False, False], [0.1, 0.2], [5.0, 9.0])
    assert (found.loss, found.share, found.effective_rows, found.design_error) == (0.0, 0.0, 0.0, 0.0)


def test_one_more_row_takes_what_it_takes() -> None:
    t = scored(3)
    weight = np.where(t.positive, 1.0, t.weight + 1)
    found = heavy_row_share(t.positive, t.score, weight)
    row = (np.quantile(t.score[t.positive], 0.5, method="higher"), np.median(weight[~t.positive]))
    before = average_precision(t.positive, t.score, weight).value
    after = average_precision(np.append(t.positive, False), np.append(t.score, row[0]), np.append(weight, row[1])).value
    assert found.single_row == pytest.approx(before - after)


def test_average_precision_that_a_heavy_row_decides_is_null() -> None:
    positive = np.arange(500) < 20
    score = np.where(positive, 0.9, 0.1) + 0.05 * np.random.default_rng(0).random(500)
    weight = np.where(positive, 1.0, 300.0)
    plain = average_precision(positive, score, weight)
    assert sound_average_precision(positive, score, weight) == plain
    score[400] = 1.0
    found = sound_average_precision(positive, score, weight)
    assert found.value is None
    assert "a few heavy rows decide" in str(found.reason)
    assert sound_average_precision(positive, score) == average_precision(positive, score)
    assert (
        sound_average_precision(np.zeros(500, bool), score, weight).reason
        == average_precision(np.zeros(500, bool), score, weight).reason
    )
