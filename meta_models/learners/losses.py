"""Focal loss, for boosters that should look less at rows that they are sure of.

References
----------
Lin et al. (2017), Focal loss for dense object detection, ICCV, doi:10.1109/ICCV.2017.324.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
#: Least hessian of a row, as a share of what it is at even odds: the loss is not convex where a row is far off.
_LEAST_HESSIAN = 1e-4
_LEAST = 1e-12


def focal_loss(log_odds: Floats, truth: NDArray[np.bool_], gamma: float) -> Floats:
    """``-(1 - p)^gamma log(p)`` of each row, with p the probability of what it is; log-loss where gamma is 0."""
    p = _of_truth(log_odds, truth)
    loss: Floats = -((1 - p) ** gamma) * np.log(np.maximum(p, _LEAST))
    return loss


def focal_gradients(log_odds: Floats, truth: NDArray[np.bool_], gamma: float) -> tuple[Floats, Floats]:
    """First and second derivative of `focal_loss` in the log-odds; the second is kept above nought."""
    p = np.clip(_of_truth(log_odds, truth), _LEAST, 1 - _LEAST)
    q = 1 - p
    inner = gamma * p * np.log(p) - q
    slope = q**gamma * inner
    bend = q**gamma * (gamma * (np.log(p) + 1) + 1) - gamma * q ** (gamma - 1) * inner
    hessian = np.maximum(p * q * bend, _LEAST_HESSIAN * p * q)
    return np.where(truth, slope, -slope), hessian


def focal_scale(prior: float, gamma: float) -> float:
    """How much smaller the sum of hessians is than that of log-loss, where every row gets the probability `prior`.

    With gamma 2 that of a row of the rest is about the square of a rare class's share: no leaf would reach the least
    sum that log-loss is split with, and nothing would split. Penalties are multiplied by this.
    """
    margin = np.full(2, np.log(prior / (1 - prior)))
    truth = np.array([False, True])
    shares = np.array([1 - prior, prior])
    return float((shares * focal_gradients(margin, truth, gamma)[1]).sum() / (prior * (1 - prior)))


def _of_truth(log_odds: Floats, truth: NDArray[np.bool_]) -> Floats:
    p: Floats = 1 / (1 + np.exp(np.clip(np.where(truth, -log_odds, log_odds), -500, 500)))
    return p
