"""Logistic regression with coefficients that are not negative, by Newton's method."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cholesky, solve_triangular
from scipy.optimize import lsq_linear

Floats = NDArray[np.float64]

#: The decrease of the loss that a step promises, relative to the loss, below which it is taken as the last one.
_ENOUGH = 1e-12
_MOST_STEPS = 100
#: Share of the promised decrease that a step must bring, or it is halved (Armijo), and the share of a step below which
#: one is taken that surely descends: the loss bends nowhere more than with half the weight on either side.
_BROUGHT = 1e-4
_LEAST_SHARE = 1 / 64


def fit_bounded_logistic(
    inputs: Sequence[Floats], truth: NDArray[np.bool_], weights: Floats, ridge: float, start: Floats
) -> Floats:
    """Minimise ``sum(weights * log-loss) + ridge * |coefficients|^2`` with coefficients of 0 or more.

    Each step minimises the second-order expansion of the loss within the bounds, which in so few dimensions costs
    nothing beside the sums over the rows. Those run over one column at a time, without BLAS: their order, and so the
    result, does not depend on the number of threads.

    Parameters
    ----------
    inputs : sequence of ndarray of float64 (n_rows,), D of them
    weights : ndarray of float64 (n_rows,)
        0 or more, of a positive sum.
    ridge : float
        Above 0: it keeps the minimum finite where the inputs tell the classes without error.
    start : ndarray of float64 (1 + D,)
        An intercept and coefficients, within the bounds, to set out from.

    Returns
    -------
    ndarray of float64 (1 + D,)
        The intercept, which is neither bounded nor held down, and the coefficients.

    References
    ----------
    Lee, Sun and Saunders, Proximal Newton-type methods for minimizing composite functions, SIAM J. Optim. 24 (2014).
    Böhning and Lindsay, Monotonicity of quadratic-approximation algorithms, Ann. Inst. Statist. Math. 40 (1988): the
    bound on the curvature.
    """
    columns = [np.ones(len(truth)), *inputs]
    held = np.array([0.0, *[2 * ridge] * len(inputs)])
    lowest = np.array([-np.inf, *[0.0] * len(inputs)])
    t = start
    loss = _loss(t, columns, truth, weights, held)
    for _ in range(_MOST_STEPS):
        gradient, spread = _derivatives(t, columns, truth, weights, held)
        step = _within(t, gradient, _products(columns, spread) + np.diag(held), lowest) - t
        promised = -float(gradient @ step)
        if promised <= _ENOUGH * loss:
            break
        share, found = 1.0, _loss(t + step, columns, truth, weights, held)
        while found > loss - _BROUGHT * share * promised and share > _LEAST_SHARE:
            share /= 2
            found = _loss(t + share * step, columns, truth, weights, held)
        if share <= _LEAST_SHARE:  # far from the minimum, where all is decided, the expansion says nothing
            bound = _products(columns, weights / 4) + np.diag(held)
            share, step = 1.0, _within(t, gradient, bound, lowest) - t
            found = _loss(t + step, columns, truth, weights, held)
            if found >= loss:  # rounding: there is nothing left to gain
                break
        t, loss = np.maximum(t + share * step, lowest), found
    return t


def _margins(t: Floats, columns: Sequence[Floats]) -> Floats:
    z = np.full(len(columns[0]), t[0])
    for coefficient, values in zip(t[1:], columns[1:], strict=True):
        if coefficient:
            z += coefficient * values
    return z


def _loss(t: Floats, columns: Sequence[Floats], truth: NDArray[np.bool_], weights: Floats, held: Floats) -> float:
    z = _margins(t, columns)
    signed = np.where(truth, -z, z)
    losses = np.log1p(np.exp(-np.abs(signed))) + np.maximum(signed, 0.0)
    return _sum(weights, losses) + float(held @ t**2) / 2


def _derivatives(
    t: Floats, columns: Sequence[Floats], truth: NDArray[np.bool_], weights: Floats, held: Floats
) -> tuple[Floats, Floats]:
    """First derivatives of the loss (1 + D,), and each row's part (n_rows,) in the second ones."""
    z = _margins(t, columns)
    small = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1.0, small) / (1 + small)
    pull, spread = weights * (p - truth), weights * small / (1 + small) ** 2
    gradient = np.array([_sum(pull, values) for values in columns]) + held * t
    return gradient, spread


def _products(columns: Sequence[Floats], weights: Floats) -> Floats:
    """Weighted sums of the products of any two columns, (1 + D, 1 + D)."""
    sums = np.zeros((len(columns), len(columns)))
    for j, values in enumerate(columns):
        weighted = weights * values
        for k in range(j + 1):
            sums[j, k] = sums[k, j] = _sum(weighted, columns[k])
    return sums


def _within(t: Floats, gradient: Floats, curvature: Floats, lowest: Floats) -> Floats:
    """Where the second-order expansion around `t` is least, at `lowest` or above."""
    scale = np.sqrt(np.maximum(np.diag(curvature), np.finfo(np.float64).tiny))
    scaled = curvature / np.outer(scale, scale)
    scaled[np.diag_indices_from(scaled)] += 1e-10
    root = cholesky(scaled, lower=True)
    goal = solve_triangular(root, (curvature @ t - gradient) / scale, lower=True)
    found = lsq_linear(root.T, goal, (lowest * scale, np.full(len(t), np.inf)), method="bvls", tol=1e-14)
    return np.asarray(found.x / scale)


def _sum(a: Floats, b: Floats) -> float:
    """Sum of the products; not by BLAS, whose order depends on its threads."""
    return float(np.einsum("n,n->", a, b))
