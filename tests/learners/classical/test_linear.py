"""Linear learners and kernels beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from learner_cases import fit_all, make_rows
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC, LinearSVC

from meta_models.learners.classical.linear import LinearProblem, logistic_loss, solve, squared_hinge
from meta_models.learners.classical.scaling import fit_scaler
from meta_models.learners.classical.svm import Kernel

PENALTY = 1e-3


@pytest.fixture(scope="module")
def problem() -> LinearProblem:
    rng = np.random.default_rng(0)
    table = rng.normal(size=(500, 4)).astype(np.float32)
    truth = (table @ [1, -1, 0.5, 0] + rng.normal(size=500) > 0.8)[:, None]
    return LinearProblem(
        table,
        np.arange(0, 500, 2),
        truth[::2],
        rng.uniform(0.5, 3, 250),
        PENALTY,
        balanced=False,
        columns=np.ones(4, bool),
    )


def test_logistic_regression_is_scikit_learns(problem: LinearProblem) -> None:
    weights = problem.weights / problem.weights.sum()
    expected = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=5000).fit(
        problem.table[problem.rows].astype(float), problem.truth[:, 0], weights
    )
    solution = solve(problem, logistic_loss, 1000)
    assert solution.converged
    np.testing.assert_allclose(solution.coefficients[:, 0], expected.coef_[0], atol=1e-3)
    np.testing.assert_allclose(solution.intercepts, expected.intercept_, atol=1e-3)


def test_squared_hinge_is_scikit_learns_linear_machine(problem: LinearProblem) -> None:
    weights = problem.weights / problem.weights.sum()
    values = problem.table[problem.rows].astype(float)
    # the intercept of LIBLINEAR is penalised as the coefficient of a column: of one so large that it costs nothing
    machine = LinearSVC(C=1 / PENALTY / 2, intercept_scaling=1000, tol=1e-10, max_iter=1_000_000)
    expected = machine.fit(values, problem.truth[:, 0], 2 * weights)
    solution = solve(problem, squared_hinge, 1000)
    np.testing.assert_allclose(solution.coefficients[:, 0], expected.coef_[0], atol=5e-3)
    np.testing.assert_allclose(solution.intercepts, expected.intercept_, atol=5e-3)


@pytest.mark.parametrize("loss", [logistic_loss, squared_hinge])
def test_slopes_are_those_of_the_losses(loss: object) -> None:
    margins, signs, step = np.linspace(-3, 3, 13)[:, None] + 0.01, np.ones((13, 1)), 1e-6
    for sign in (1, -1):
        low, high = (loss(margins + d, sign * signs)[0] for d in (-step, step))  # type: ignore[operator]
        slopes = loss(margins, sign * signs)[1]  # type: ignore[operator]
        np.testing.assert_allclose((high - low) / (2 * step), slopes, atol=1e-6)


def test_kernel_is_scikit_learns() -> None:
    rows = make_rows()
    scaler = fit_scaler(rows.sample)
    scaled = scaler(rows.matrix)
    kernel = Kernel(scaler, scaled[:40], 0.2)
    np.testing.assert_allclose(kernel(scaled), rbf_kernel(scaled, scaled[:40], gamma=0.2), atol=1e-5)


def test_exact_machine_ranks_as_libsvm_does() -> None:
    rows = make_rows()
    predictor, _ = fit_all("svm", rows, options={"kernel": "exact", "landmarks": 500, "penalty": 1e-3})
    scaler = fit_scaler(rows.sample)
    scaled, config_gamma = scaler(rows.matrix), 0.3 / scaler.n_columns
    machine = SVC(C=1 / 1e-3 / 450, gamma=config_gamma).fit(scaled[:450], rows.labels[:450] == 1)
    decisions, scores = machine.decision_function(scaled[450:]), predictor.scores(rows.matrix[450:])[:, 1]
    log_odds = np.log(scores / (1 - scores))
    slope, intercept = np.polyfit(decisions, log_odds, 1)
    assert slope > 0
    np.testing.assert_allclose(log_odds, slope * decisions + intercept, atol=1e-3)
