"""Focal loss for XGBoost, which has none: gradients, and where boosting starts.

What is stored and served stays ``binary:logistic``: the sigmoid of the margins. The scores say who ranks before whom; a
calibrator makes probabilities of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.losses import focal_gradients, focal_scale
from meta_models.learners.xgboost.section import XGBoostConfig

_BLOCK_ROWS = 65_536  # derivatives take a dozen float64 for each row of a block
_LEAST, _MOST = 1e-6, 1 - 1e-6


@dataclass(frozen=True)
class FocalObjective:
    """What XGBoost calls for the derivatives in the margins.

    Attributes
    ----------
    truth : ndarray of bool (n_rows,)
    weights : ndarray of float32 (n_rows,)
        0 for rows held out.
    """

    truth: NDArray[np.bool_]
    weights: NDArray[np.float32]
    gamma: float

    def __call__(self, margins: NDArray[np.float32], _: Any) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """First and second derivatives (n_rows,), weighted; a block of rows at a time."""
        first, second = np.empty(len(margins), np.float32), np.empty(len(margins), np.float32)
        for start in range(0, len(margins), _BLOCK_ROWS):
            block = slice(start, start + _BLOCK_ROWS)
            slope, bend = focal_gradients(margins[block].astype(np.float64), self.truth[block], self.gamma)
            first[block], second[block] = slope * self.weights[block], bend * self.weights[block]
        return first, second

    def parameters(self, config: XGBoostConfig) -> dict[str, float]:
        """Start at the share of the class, and penalties on the scale of the hessians: without that nothing splits."""
        share = float(np.average(self.truth, weights=self.weights)) if self.weights.any() else 0.0
        start = min(max(share, _LEAST), _MOST)
        scale = focal_scale(start, self.gamma)
        return {
            "base_score": start,
            "min_child_weight": scale * config.min_child_weight,
            "reg_lambda": scale * config.reg_lambda,
        }
