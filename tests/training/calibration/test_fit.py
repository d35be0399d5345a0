from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from meta_models.config import TrainingConfig
from meta_models.schema import MAIN_BASE, BaseModel
from meta_models.training.calibration.fit import BaseScores, cross_fit, fit_calibrators


def simulated(n: int = 30_000, seed: int = 0):
    """Sigmoids that are too sure by a factor of two on the log-odds."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, n, p=[0.6, 0.2, 0.2]).astype(np.uint8)
    margin = rng.normal(size=(n, 3)) + 3.0 * (labels[:, None] == np.arange(3)) - 1.0
    return 1 / (1 + np.exp(-2 * margin)), labels


def test_platt_finds_the_slope_that_was_planted() -> None:
    rng = np.random.default_rng(1)
    z = rng.normal(size=100_000) * 2
    truth = rng.random(100_000) < 1 / (1 + np.exp(-(0.5 * z - 0.7)))
    scores = np.column_stack([1 / (1 + np.exp(-z))] * 3)
    labels = np.where(truth, 0, rng.integers(1, 3, len(z))).astype(np.uint8)
    config = TrainingConfig(calib_method="platt")
    found = fit_calibrators(scores, labels, np.ones(len(z), np.float32), config)[0]
    assert found.slope == pytest.approx(0.5, abs=0.02)
    assert found.intercept == pytest.approx(-0.7, abs=0.03)


@pytest.mark.parametrize("method", ["blend", "platt", "isotonic"])
@pytest.mark.parametrize("per_class", [True, False])
def test_calibration_lowers_the_log_loss(method: str, per_class: bool) -> None:
    scores, labels = simulated()
    config = TrainingConfig(calib_method=method, calibrate_per_class=per_class)
    folds = (np.arange(len(labels)) % 3).astype(np.int16)
    calibrated = cross_fit(scores, labels, np.ones(len(labels), np.float32), folds, config)
    raw = scores / scores.sum(1, keepdims=True)
    at = np.arange(len(labels)), labels
    np.testing.assert_allclose(calibrated.sum(1), 1)
    assert -np.log(np.maximum(calibrated[at], 1e-7)).mean() < -np.log(np.maximum(raw[at], 1e-7)).mean()


def test_a_fold_does_not_calibrate_itself() -> None:
    """Changing the labels of a fold changes the values of the other folds, never its own."""
    scores, labels = simulated(3000)
    folds = (np.arange(len(labels)) % 3).astype(np.int16)
    weights = np.ones(len(labels), np.float32)
    before = cross_fit(scores, labels, weights, folds, TrainingConfig())
    turned = np.where(folds == 1, (labels + 1) % 3, labels).astype(np.uint8)
    after = cross_fit(scores, turned, weights, folds, TrainingConfig())
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])


def test_weights_shift_the_calibrated_prevalence() -> None:
    scores, labels = simulated()
    weights = np.where(labels == 0, 50.0, 1.0).astype(np.float32)
    folds = (np.arange(len(labels)) % 3).astype(np.int16)
    calibrated = cross_fit(scores, labels, weights, folds, TrainingConfig())
    share = np.average(labels == 1, weights=weights)
    assert np.average(calibrated[:, 1], weights=weights) == pytest.approx(share, rel=0.15)


@pytest.mark.parametrize("method", ["blend", "platt"])
def test_a_falling_score_is_not_turned_round(method: str) -> None:
    rng = np.random.default_rng(0)
    labels = rng.choice(3, 5000).astype(np.uint8)
    scores = np.clip(0.5 - 0.3 * (labels[:, None] == np.arange(3)) + rng.normal(size=(5000, 3)) / 10, 0.01, 0.99)
    config = TrainingConfig(calib_method=method)
    for calibrator in fit_calibrators(scores, labels, np.ones(5000, np.float32), config):
        values = calibrator(np.array([0.1, 0.9]))
        assert values[0] == values[1] == pytest.approx(1 / 3, abs=0.03)


def with_base_scores(n: int = 20_000, seed: int = 2):
    """A meta-model's scores and those of a base model that each know half of what tells the label."""
    rng = np.random.default_rng(seed)
    known, other = rng.normal(size=(2, n, 3)) * 2
    truth = known + other + rng.gumbel(size=(n, 3))
    labels = truth.argmax(1).astype(np.uint8)
    scores, base = (1 / (1 + np.exp(-values)) for values in (known, other))
    names = ("neither_score", "donor_score", "acceptor_score")
    frame = pl.DataFrame({name: base[:, k].astype(np.float32) for k, name in enumerate(names)})
    return scores, labels, BaseScores.among(("length", *names), (MAIN_BASE,), frame)


def test_blending_takes_what_the_base_scores_add() -> None:
    scores, labels, bases = with_base_scores()
    weights, folds = np.ones(len(labels), np.float32), (np.arange(len(labels)) % 3).astype(np.int16)
    at = np.arange(len(labels)), labels
    loss = {
        method: -np.log(
            cross_fit(scores, labels, weights, folds, TrainingConfig(calib_method=method), bases)[at]
        ).mean()
        for method in ("platt", "blend")
    }
    assert loss["blend"] < 0.8 * loss["platt"]
    for k, calibrator in enumerate(fit_calibrators(scores, labels, weights, TrainingConfig(), bases)):
        assert calibrator.columns == (k + 1,)
        assert calibrator.weights[0] == pytest.approx(calibrator.slope, rel=0.1)


def test_a_base_model_that_says_nothing_gets_no_weight_and_blending_is_platt_scaling() -> None:
    scores, labels = simulated(60_000)
    noise = pl.DataFrame(
        np.random.default_rng(0).random((len(labels), 3)), schema=["neither_score", "donor_score", "acceptor_score"]
    )
    bases = BaseScores.among(tuple(noise.columns), (MAIN_BASE,), noise)
    weights = np.ones(len(labels), np.float32)
    platt = fit_calibrators(scores, labels, weights, TrainingConfig(calib_method="platt"))
    for blend, alone in zip(fit_calibrators(scores, labels, weights, TrainingConfig(), bases), platt, strict=True):
        assert blend.weights[0] < 0.02
        assert blend.slope == pytest.approx(alone.slope, rel=0.01)
        assert blend.intercept == pytest.approx(alone.intercept, abs=0.02)


def test_a_fold_does_not_blend_itself() -> None:
    scores, labels, bases = with_base_scores(6000)
    weights, folds = np.ones(len(labels), np.float32), (np.arange(len(labels)) % 3).astype(np.int16)
    before = cross_fit(scores, labels, weights, folds, TrainingConfig(), bases)
    turned = np.where(folds == 1, (labels + 1) % 3, labels).astype(np.uint8)
    after = cross_fit(scores, turned, weights, folds, TrainingConfig(), bases)
    np.testing.assert_array_equal(before[folds == 1], after[folds == 1])
    assert not np.allclose(before[folds == 0], after[folds == 0])


def test_one_blend_shared_by_all_classes_looks_at_the_columns_of_each() -> None:
    scores, labels, bases = with_base_scores()
    shared = fit_calibrators(
        scores, labels, np.ones(len(labels), np.float32), TrainingConfig(calibrate_per_class=False), bases
    )
    assert [calibrator.columns for calibrator in shared] == [(1,), (2,), (3,)]
    assert len({(c.slope, c.intercept, *c.weights) for c in shared}) == 1


def test_scores_without_an_error_get_finite_coefficients_that_keep_them_apart() -> None:
    labels = np.repeat([0, 1, 2], [500, 20, 20]).astype(np.uint8)
    scores = np.where(labels[:, None] == np.arange(3), 0.9, 0.05)
    calibrated = cross_fit(
        scores,
        labels,
        np.ones(len(labels), np.float32),
        (np.arange(len(labels)) % 4).astype(np.int16),
        TrainingConfig(),
    )
    assert np.isfinite(calibrated).all()
    assert calibrated[np.arange(len(labels)), labels].min() > 0.99


@pytest.mark.parametrize("flip", [False, True])
def test_what_holds_coefficients_down_counts_against_the_rarer_side(flip: bool) -> None:
    """Of two classes the blend of one is that of the other turned round, whichever is the rare one."""
    rng = np.random.default_rng(6)
    rare = rng.random(2000) < 0.01
    score = np.clip(np.where(rare, 0.8, 0.1) + rng.normal(size=2000) / 20, 0.001, 0.999)
    truth, scores = (~rare, 1 - score) if flip else (rare, score)
    config = TrainingConfig()
    both = np.column_stack([1 - scores, scores])
    one, other = fit_calibrators(both, truth.astype(np.uint8), np.ones(2000, np.float32), config)
    assert one.slope == pytest.approx(other.slope, rel=1e-6)
    assert one.intercept == pytest.approx(-other.intercept, rel=1e-6)


@pytest.mark.parametrize("method", ["blend", "isotonic"])
def test_where_a_fit_sets_out_from_does_not_matter(method: str) -> None:
    scores, labels, bases = with_base_scores(4000)
    weights, config = np.ones(len(labels), np.float32), TrainingConfig(calib_method=method)
    first = fit_calibrators(scores, labels, weights, config, bases)
    again = fit_calibrators(scores, labels, weights, config, bases, near=first)
    x, base = scores[:50, 1], bases.values()[1][:50]
    np.testing.assert_allclose(first[1](x, base), again[1](x, base), atol=1e-6)


def test_a_base_model_that_is_not_among_the_features_is_not_blended() -> None:
    _, _, bases = with_base_scores(3000)
    other = BaseModel("other")
    frame = bases.frame.with_columns(pl.lit(0.5).alias(name) for name in other.columns)
    found = BaseScores.among((*MAIN_BASE.columns, other.columns[0]), (MAIN_BASE, other), frame)
    assert found.names == tuple((name,) for name in MAIN_BASE.columns)
