"""Figures of a leaderboard, and differences of scorers over the same resamples."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.metrics import SiteFigures, SiteResamples, average_precision, log_loss

RNG = np.random.default_rng(3)
LABELS = np.tile([0, 0, 0, 1, 2, 0], 40)
FAMILIES = np.repeat(np.arange(24), 10)
WEIGHTS = RNG.uniform(1, 3, 240).astype(np.float32)
GOOD = RNG.dirichlet(np.ones(3), 240) + 0.8 * np.eye(3)[LABELS]
BAD = RNG.dirichlet(np.ones(3), 240)


def test_figures_by_hand() -> None:
    """Two sites of each class: the donors rank first and third among four rows, the acceptors first and second."""
    labels = np.array([1, 0, 1, 2, 2, 0])
    scores = np.array([
        [0.0, 0.9, 0.1], [0.2, 0.8, 0.0], [0.3, 0.7, 0.0], [0.1, 0.0, 0.9], [0.2, 0.0, 0.8], [1.0, 0.0, 0.0],
    ])  # fmt: skip
    found = SiteFigures.of(labels, scores)
    assert found.donor == pytest.approx((1 + 2 / 3) / 2)
    assert found.acceptor == pytest.approx(1.0)
    assert found.mean == pytest.approx((found.donor + 1) / 2)
    expected = -np.log([0.9, 0.2, 0.7, 0.9, 0.8, 1.0]).mean()
    assert found.log_loss == pytest.approx(expected, abs=1e-6)


def test_a_class_without_rows_has_no_figure() -> None:
    found = SiteFigures.of(np.array([0, 1, 0]), np.eye(3))
    assert found.acceptor is None
    assert found.mean is None


def test_weights_count() -> None:
    found = SiteFigures.of(LABELS, GOOD, WEIGHTS)
    assert found.donor == average_precision(LABELS == 1, GOOD[:, 1], WEIGHTS).value
    assert found.log_loss == log_loss(LABELS, GOOD, WEIGHTS).value


def test_differences_are_paired() -> None:
    drawn = SiteResamples.make(LABELS, FAMILIES, WEIGHTS, samples=200, seed=0)
    good, bad = drawn.of(GOOD), drawn.of(BAD)
    gain = good.minus(bad)
    assert gain.real
    means = [SiteFigures.of(LABELS, scores, WEIGHTS).mean for scores in (GOOD, BAD)]
    assert gain.difference == pytest.approx(means[0] - means[1])
    assert bad.minus(good).interval.upper == pytest.approx(-gain.interval.lower)
    same = good.minus(drawn.of(GOOD))
    assert (same.difference, same.interval.lower, same.interval.upper) == (0.0, 0.0, 0.0)
    assert not same.real


def test_one_family_gives_no_interval() -> None:
    drawn = SiteResamples.make(LABELS, np.zeros(240, np.int64), None, samples=20, seed=0)
    gain = drawn.of(GOOD).minus(drawn.of(BAD))
    assert gain.interval.lower is None
    assert "at least 2 families" in gain.text
