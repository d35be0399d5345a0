"""Log-odds that are sums over the bins that a row is in: how logistic regression on bins is served and explained."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.arrays import (
    MOST_COEFFICIENT,
    ArrayPredictor,
    Expected,
    read_arrays,
    require,
    require_within,
)
from meta_models.learners.classical.linear import sigmoid
from meta_models.learners.seam import Matrix
from meta_models.learners.trees.bins import MOST_BINS, Bins, Codes


class BinPredictor(ArrayPredictor):
    """Log-odds that are sums over the bins that a row is in.

    Parameters
    ----------
    edges : ndarray of float32 (n_inputs, n_bins - 1)
        Edges of each feature, rising, filled up with the largest float32.
    coefficients : ndarray of float64 (n_inputs, n_bins, n_targets)
    intercepts : ndarray of float64 (n_targets,)
    shares : ndarray of float64 (n_inputs, n_bins)
        Of the rows trained on in each bin.
    """

    def __init__(
        self, edges: NDArray[np.float32], coefficients: NDArray[np.float64], intercepts: NDArray[np.float64],
        shares: NDArray[np.float64],
    ) -> None:  # fmt: skip
        self.edges, self.coefficients, self.intercepts, self.shares = edges, coefficients, intercepts, shares
        self.n_inputs, self.n_targets = len(edges), len(intercepts)
        self._bins = Bins(tuple(edges))

    def scores(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sigmoids."""
        return self.scores_of_codes(self._bins.codes(matrix))

    def log_odds(self, matrix: Matrix) -> NDArray[np.float64]:
        """Sums of the coefficients of the bins."""
        return self._log_odds(self._bins.codes(matrix))

    def scores_of_codes(self, codes: Codes) -> NDArray[np.float64]:
        """Sigmoids (n, n_targets) of rows whose bins (n, n_inputs) are known."""
        return sigmoid(self._log_odds(codes))

    def _log_odds(self, codes: Codes) -> NDArray[np.float64]:
        log_odds = np.tile(self.intercepts, (len(codes), 1))
        for feature, of_feature in enumerate(codes.T):
            log_odds += self.coefficients[feature, of_feature]
        return log_odds

    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """Edges, coefficients, intercepts and shares."""
        return {
            "edges": self.edges, "coefficients": self.coefficients, "intercepts": self.intercepts,
            "shares": self.shares,
        }  # fmt: skip

    def importances(self) -> Mapping[str, NDArray[np.float64]]:
        """Mean size of the coefficient that each feature gives the rows trained on."""
        return {"coefficient": np.einsum("fbk,fb->kf", np.abs(self.coefficients), self.shares)}

    def contributions(self, matrix: Matrix, *, approximate: bool = False) -> NDArray[np.float64]:  # noqa: ARG002
        """Coefficients of the row's bins: exact, and nought on average over the rows trained on."""
        result = np.empty((len(matrix), self.n_targets, self.n_inputs + 1))
        for feature, codes in enumerate(self._bins.codes(matrix).T):
            result[:, :, feature] = self.coefficients[feature, codes]
        result[:, :, -1] = self.intercepts
        return result


def restore_bin_predictor(files: Mapping[str, bytes], n_inputs: int, n_targets: int) -> BinPredictor:
    """What `BinPredictor.files` came from.

    Raises
    ------
    MalformedModel
    """
    expected = {
        "edges": Expected("<f4", (n_inputs, "edges")), "intercepts": Expected("<f8", (n_targets,)),
        "coefficients": Expected("<f8", (n_inputs, "bins", n_targets)),
        "shares": Expected("<f8", (n_inputs, "bins")),
    }  # fmt: skip
    arrays: dict[str, Any] = read_arrays(files, expected)
    edges, coefficients = arrays["edges"], arrays["coefficients"]
    require(2 <= coefficients.shape[1] <= MOST_BINS, f"there must be 2 to {MOST_BINS} bins")
    require(coefficients.shape[1] == edges.shape[1] + 1, "there must be a bin more than edges")
    require(((arrays["shares"] >= 0) & (arrays["shares"] <= 1)).all(), "shares must lie between 0 and 1")
    require((np.diff(edges, axis=1) >= 0).all(), "edges must rise")
    for name in ("coefficients", "intercepts"):
        require_within(arrays[name], MOST_COEFFICIENT, name)
    return BinPredictor(edges, coefficients, arrays["intercepts"], arrays["shares"])
