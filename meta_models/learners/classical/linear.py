"""Linear models fitted to the end: mean loss of the rows and a penalty, minimised by L-BFGS over blocks of rows.

The rows stay as they are held; a block of them is in memory as float64 at a time, and no fold is ever copied.

References
----------
Liu and Nocedal (1989), On the limited memory BFGS method, doi:10.1007/BF01589116; scipy's implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.blas import one_blas_thread
from meta_models.learners.seam import Matrix

Floats: TypeAlias = NDArray[np.float64]
#: From margins and signs (1 of the class, else -1) to losses and their derivatives in the margins.
Loss: TypeAlias = Callable[[Floats, Floats], tuple[Floats, Floats]]

#: Rows that are in memory as float64 at a time.
BLOCK_ROWS = 4096
#: L-BFGS ends where no derivative of the objective is above this, or a step gains less than the other.
_FLAT, _GAIN = 1e-7, 1e-11
_MOST_LOG_ODDS = 14.0


@dataclass(frozen=True)
class LinearProblem:
    """What is minimised, for each target by itself: weighted mean loss + ``penalty / 2`` x sum of squared coefficients.

    Attributes
    ----------
    table : ndarray of float32 (n_rows, n_columns)
        All rows.
    rows : ndarray of int (m,)
        Numbers of those that count.
    truth : ndarray of bool (m, n_targets)
    weights : ndarray of float64 (m,)
        What rows count; only their ratios matter.
    balanced : bool
        Whether the class and the rest count the same.
    columns : ndarray of bool (n_columns,)
        Columns that may have a coefficient.
    """

    table: Matrix
    rows: NDArray[np.int64]
    truth: NDArray[np.bool_]
    weights: Floats
    penalty: float
    balanced: bool
    columns: NDArray[np.bool_]


@dataclass(frozen=True)
class Solution:
    """Coefficients (n_columns, n_targets), intercepts (n_targets,) and how they were found."""

    coefficients: Floats
    intercepts: Floats
    iterations: int
    converged: bool


def solve(problem: LinearProblem, loss: Loss, most_iterations: int) -> Solution:
    """The coefficients that minimise `problem`; a target whose rows are all alike gets an intercept alone."""
    from scipy.optimize import minimize

    targets = np.flatnonzero(problem.truth.any(0) & ~problem.truth.all(0))
    n_columns = problem.table.shape[1]
    coefficients, intercepts = np.zeros((n_columns, problem.truth.shape[1])), _of_constants(problem)
    if not len(targets):
        return Solution(coefficients, intercepts, 0, converged=True)
    objective = _Objective(problem, loss, targets)
    with one_blas_thread():
        found = minimize(
            objective, objective.start(), jac=True, method="L-BFGS-B",
            options={"maxiter": most_iterations, "maxfun": 2 * most_iterations, "gtol": _FLAT, "ftol": _GAIN},
        )  # fmt: skip
    solved = found.x.reshape(-1, len(targets))
    coefficients[:, targets], intercepts[targets] = solved[:-1], solved[-1]
    return Solution(coefficients, intercepts, int(found.nit), bool(found.success))


def _of_constants(problem: LinearProblem) -> Floats:
    """Intercepts that say never, or always."""
    return np.where(problem.truth.any(0), _MOST_LOG_ODDS, -_MOST_LOG_ODDS)


class _Objective:
    """Sum over targets of what is minimised, and its gradient; called by L-BFGS."""

    def __init__(self, problem: LinearProblem, loss: Loss, targets: NDArray[np.int64]) -> None:
        self.problem, self.loss = problem, loss
        self.signs = np.where(problem.truth[:, targets], np.int8(1), np.int8(-1))
        weights = problem.weights / problem.weights.sum()
        of_class = weights @ problem.truth[:, targets]
        self.weights = weights
        halves = np.full(len(targets), 0.5)
        self.of_class = halves / of_class if problem.balanced else np.ones(len(targets))
        self.of_rest = halves / (1 - of_class) if problem.balanced else np.ones(len(targets))
        share = halves if problem.balanced else of_class
        self.first = np.log(share / (1 - share))

    def start(self) -> Floats:
        """No coefficients; intercepts that give the shares of the classes."""
        start = np.zeros((self.problem.table.shape[1] + 1, len(self.first)))
        start[-1] = self.first
        return start.ravel()

    def __call__(self, flat: Floats) -> tuple[float, Floats]:
        parameters = flat.reshape(-1, len(self.first))
        coefficients = parameters[:-1] * self.problem.columns[:, None]
        total, gradient = 0.0, np.zeros_like(parameters)
        for values, rows in self._blocks():
            losses, slopes = self.loss(values @ coefficients + parameters[-1], self.signs[rows].astype(np.float64))
            counted = self.weights[rows, None] * np.where(self.signs[rows] > 0, self.of_class, self.of_rest)
            total += float((losses * counted).sum())
            slopes *= counted
            gradient[:-1] += values.T @ slopes
            gradient[-1] += slopes.sum(0)
        gradient[:-1] = (gradient[:-1] + self.problem.penalty * coefficients) * self.problem.columns[:, None]
        return total + self.problem.penalty / 2 * float((coefficients**2).sum()), gradient.ravel()

    def _blocks(self) -> Iterator[tuple[Floats, slice]]:
        for start in range(0, len(self.problem.rows), BLOCK_ROWS):
            block = slice(start, start + BLOCK_ROWS)
            yield self.problem.table[self.problem.rows[block]].astype(np.float64), block


def logistic_loss(margins: Floats, signs: Floats) -> tuple[Floats, Floats]:
    """Log-loss."""
    signed = margins * signs
    return np.logaddexp(0, -signed), -signs * sigmoid(-signed)


def squared_hinge(margins: Floats, signs: Floats) -> tuple[Floats, Floats]:
    """The loss of L2 support vector machines: the square of what a margin lacks to 1."""
    lacking = np.maximum(0, 1 - margins * signs)
    return lacking**2, -2 * signs * lacking


def sigmoid(log_odds: Floats) -> Floats:
    """Probabilities."""
    result: Floats = 1 / (1 + np.exp(-np.clip(log_odds, -700, 700)))
    return result
