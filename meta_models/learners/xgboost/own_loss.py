"""Derivatives of log-loss and of focal loss, and where boosting starts, where XGBoost is handed them.

What is stored and served stays ``binary:logistic``: the sigmoid of the margins. Of focal loss the scores say who ranks
before whom; a calibrator makes probabilities of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.losses import focal_gradients, focal_scale
from meta_models.learners.xgboost.section import XGBoostConfig

_BLOCK_ROWS = 65_536  # derivatives take a dozen float64 for each row of a block
_LEAST, _MOST = 1e-6, 1 - 1e-6
#: Least hessian of log-loss: XGBoost's own, ``kRtEps`` in its ``LogisticRegression``.
_LEAST_HESSIAN = 1e-16
_MOST_LOG_ODDS = 500.0


@dataclass(frozen=True)
class OwnLoss:
    """What XGBoost calls for the derivatives in the margins.

    Attributes
    ----------
    truth : ndarray of bool (n_rows,)
    weights : ndarray of float32 (n_rows,)
        0 for rows held out.
    gamma : float
        0 is log-loss.
    share : float
        Of the class among the weighted rows of the whole table: where boosting starts.
    """

    truth: NDArray[np.bool_]
    weights: NDArray[np.float32]
    gamma: float
    share: float

    def __call__(self, margins: NDArray[np.float32], _: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """First and second derivatives (n_rows,), weighted; a block of rows at a time."""
        first, second = np.empty(len(margins), np.float32), np.empty(len(margins), np.float32)
        for start in range(0, len(margins), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            slope, bend = self._derivatives(margins[block].astype(np.float64), self.truth[block])
            first[block], second[block] = slope * self.weights[block], bend * self.weights[block]
        return first, second

    def parameters(self, config: XGBoostConfig) -> dict[str, float]:
        """Start at the share of the class, and penalties on the scale of the hessians: without that nothing splits."""
        start = min(max(self.share, _LEAST), _MOST)
        scale = focal_scale(start, self.gamma) if self.gamma else 1.0
        return {
            "base_score": start,
            "min_child_weight": scale * config.min_child_weight,
            "reg_lambda": scale * config.reg_lambda,
        }

    def _derivatives(
        self, margins: NDArray[np.float64], truth: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if self.gamma:
            return focal_gradients(margins, truth, self.gamma)
        p = 1 / (1 + np.exp(np.minimum(-margins, _MOST_LOG_ODDS)))
        return p - truth, np.maximum(p * (1 - p), _LEAST_HESSIAN)
