from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from meta_models.analysis.performance import bands
from meta_models.metrics import Draws


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    positive = rng.random(2000) < 0.1
    scores = np.round(rng.normal(size=2000) + 1.5 * positive, 2)
    return positive, scores, rng.uniform(0.5, 5, 2000), rng.integers(0, 40, 2000)


def test_counts_at_thresholds_are_those_of_scikit_learn(scored: tuple[np.ndarray, ...]) -> None:
    positive, scores, weights, _ = scored
    thresholds = np.array([2.5, 1.0, 0.0, -1.25])
    swept = bands.sweep(positive, scores, weights, thresholds)
    for k, threshold in enumerate(thresholds):
        called = scores >= threshold
        assert swept.precision[k] == pytest.approx(precision_score(positive, called, sample_weight=weights))
        assert swept.recall[k] == pytest.approx(recall_score(positive, called, sample_weight=weights))
        assert swept.f1[k] == pytest.approx(f1_score(positive, called, sample_weight=weights))
        assert swept.fall_out[k] == pytest.approx(weights[called & ~positive].sum() / weights[~positive].sum())


def test_a_resample_with_every_family_once_is_the_table(scored: tuple[np.ndarray, ...]) -> None:
    positive, scores, weights, families = scored
    thresholds = bands.thresholds_for(positive, scores)
    assert np.all(np.diff(thresholds) < 0)
    draws = Draws(np.ones((40, 3), np.uint16))
    one, many = (
        bands.sweep(positive, scores, weights, thresholds),
        bands.resampled_sweeps(positive, scores, weights, families, thresholds, draws),
    )
    assert np.allclose(many.precision, one.precision)
    assert np.allclose(many.recall, one.recall)


def test_a_resample_is_the_table_with_families_repeated(scored: tuple[np.ndarray, ...]) -> None:
    positive, scores, weights, families = scored
    draws = Draws.make(40, 5, 3)
    thresholds = bands.thresholds_for(positive, scores)
    swept = bands.resampled_sweeps(positive, scores, weights, families, thresholds, draws)
    for r in range(5):
        again = bands.sweep(positive, scores, weights * draws.counts[families, r], thresholds)
        assert np.allclose(swept.precision[r], again.precision)
        assert np.allclose(swept.fall_out[r], again.fall_out)


def test_bands_hold_the_curve(scored: tuple[np.ndarray, ...]) -> None:
    positive, scores, weights, families = scored
    thresholds = bands.thresholds_for(positive, scores)
    swept = bands.sweep(positive, scores, weights, thresholds)
    resampled = bands.resampled_sweeps(positive, scores, weights, families, thresholds, Draws.make(40, 300, 0))
    grid = np.linspace(0, 1, 51)
    for band, x, y in (
        (bands.pr_band(resampled, grid), swept.recall, swept.precision),
        (bands.roc_band(resampled, grid), swept.fall_out, swept.recall),
    ):
        curve = np.interp(band.x, x, y)
        inside = (band.lower <= curve + 0.02) & (curve - 0.02 <= band.upper)
        assert inside.mean() > 0.95
        assert np.all(band.upper >= band.lower)


def test_no_positives_is_no_error() -> None:
    scores = np.linspace(0, 1, 50)
    nothing = np.zeros(50, np.bool_)
    swept = bands.sweep(nothing, scores, np.ones(50), bands.thresholds_for(nothing, scores))
    assert np.all(swept.recall == 0)
    assert np.all(swept.precision == 0)
