from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from meta_models.training.calibration import bounded_logistic
from meta_models.training.calibration.bounded_logistic import fit_bounded_logistic

RIDGE = 1e-5


def problem(seed: int, rows: int = 3_000) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Two inputs that tell the class, one that tells its opposite, and one that tells nothing."""
    rng = np.random.default_rng(seed)
    truth = rng.random(rows) < 0.1
    inputs = [2.0 * truth + rng.normal(size=rows), truth + rng.normal(size=rows), rng.normal(size=rows) - truth]
    return [*inputs, rng.normal(size=rows)], truth, rng.exponential(size=rows)


def loss(t: np.ndarray, inputs: list[np.ndarray], truth: np.ndarray, weights: np.ndarray) -> float:
    z = t[0] + np.stack(inputs, axis=1) @ t[1:]
    return float((weights * np.logaddexp(0, np.where(truth, -z, z))).sum() + RIDGE * (t[1:] ** 2).sum())


def fit(inputs: list[np.ndarray], truth: np.ndarray, weights: np.ndarray, start: float = 0.0) -> np.ndarray:
    return fit_bounded_logistic(inputs, truth, weights, RIDGE, np.full(1 + len(inputs), start))


@pytest.mark.parametrize("seed", range(5))
def test_nothing_within_the_bounds_is_better(seed: int) -> None:
    found = fit(*problem(seed))
    bounds = [(None, None), *[(0.0, None)] * 4]
    other = minimize(loss, np.zeros(5), args=problem(seed), bounds=bounds, method="L-BFGS-B", options={"ftol": 1e-14})
    assert found[3] == 0.0
    assert (found[1:] >= 0).all()
    assert loss(found, *problem(seed)) <= other.fun + 1e-9
    np.testing.assert_allclose(found, other.x, atol=1e-3)


def test_where_it_sets_out_from_does_not_matter() -> None:
    inputs, truth, weights = problem(7)
    near, far = fit(inputs, truth, weights), fit(inputs, truth, weights, start=5.0)
    np.testing.assert_allclose(near, far, atol=1e-5)


def test_classes_told_without_error_leave_finite_coefficients() -> None:
    truth = np.arange(100) < 10
    found = fit([np.where(truth, 16.0, -16.0)], truth, np.ones(100))
    assert np.isfinite(found).all()
    assert 0.1 < found[1] < 10


def test_columns_that_repeat_one_another_and_constants_are_no_obstacle() -> None:
    inputs, truth, weights = problem(3)
    found = fit([inputs[0], inputs[0], np.zeros(len(truth))], truth, weights)
    alone = fit([inputs[0]], truth, weights)
    assert found[1] + found[2] == pytest.approx(alone[1], rel=1e-3)


def test_no_input_is_the_share_of_the_class() -> None:
    _, truth, weights = problem(1)
    share = weights[truth].sum() / weights.sum()
    assert fit([], truth, weights)[0] == pytest.approx(np.log(share / (1 - share)), rel=1e-6)


def test_derivatives_are_those_of_the_loss() -> None:
    inputs, truth, weights = problem(2, rows=200)
    columns, held = [np.ones(200), *inputs], np.array([0.0, *[0.2] * 4])
    at, step = np.array([-1.0, 0.5, 0.2, 0.0, 0.1]), 1e-5

    def value(t: np.ndarray) -> float:
        return bounded_logistic._loss(t, columns, truth, weights, held)

    def gradient(t: np.ndarray) -> np.ndarray:
        return bounded_logistic._derivatives(t, columns, truth, weights, held)[0]

    assert value(at) == pytest.approx(loss(at, inputs, truth, weights) + (0.1 - RIDGE) * (at[1:] ** 2).sum())
    _, spread = bounded_logistic._derivatives(at, columns, truth, weights, held)
    curvature = bounded_logistic._products(columns, spread) + np.diag(held)
    for k, along in enumerate(step * np.eye(5)):
        assert gradient(at)[k] == pytest.approx((value(at + along) - value(at - along)) / (2 * step), rel=1e-5)
        np.testing.assert_allclose(
            curvature[k], (gradient(at + along) - gradient(at - along)) / (2 * step), rtol=1e-5, atol=1e-6
        )


def test_few_steps_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = []
    derivatives = bounded_logistic._derivatives

    def counted(*arguments: object) -> object:
        taken.append(1)
        return derivatives(*arguments)

    monkeypatch.setattr(bounded_logistic, "_derivatives", counted)
    fit(*problem(4))
    assert len(taken) < 15
