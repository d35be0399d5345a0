"""What a position could teach a model, before anybody knows its label."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import Matrix
from meta_models.model import FeatureSketch

Floats = NDArray[np.float64]
#: Share below which no value of training is rarer: a bin that training left empty has no logarithm.
_FLOOR = 1e-4


def uncertainty(probabilities: Floats) -> Floats:
    """Entropy (n,) of the classes (n, K) in nats: the expected log-loss where the model is calibrated.

    References
    ----------
    Lewis and Gale (1994), A sequential algorithm for training text classifiers.
    """
    clipped = np.clip(probabilities, np.finfo(np.float64).tiny, 1.0)
    return np.asarray(-(probabilities * np.log(clipped)).sum(axis=-1))


def disagreement(members: Floats) -> Floats:
    """Jensen-Shannon divergence (n,) of the members (M, n, K) in nats: what is unsure of the model, not of the data.

    References
    ----------
    McCallum and Nigam (1998), Employing EM and pool-based active learning for text classification.
    """
    return np.asarray(np.maximum(uncertainty(members.mean(axis=0)) - uncertainty(members).mean(axis=0), 0.0))


def expected_change(probabilities: Floats) -> Floats:
    """Expected length (n,) of the slope of the one-vs-rest log-losses in the margins: ``sum_k 2 p_k (1 - p_k)``.

    References
    ----------
    Settles, Craven and Ray (2008), Multiple-instance active learning (expected gradient length).
    """
    return np.asarray((2 * probabilities * (1 - probabilities)).sum(axis=-1))


class Surprise:
    """How rare the features of a row were in training, each looked at alone.

    Parameters
    ----------
    sketches : mapping of str to FeatureSketch
    names : sequence of str (F,)
        Columns of the matrices that it is called with; those without a sketch say nothing.

    References
    ----------
    Goldstein and Dengel (2012), Histogram-based outlier score (HBOS).
    """

    def __init__(self, sketches: Mapping[str, FeatureSketch], names: Sequence[str]) -> None:
        self._known = [(at, sketches[name]) for at, name in enumerate(names) if name in sketches]

    def __bool__(self) -> bool:
        return bool(self._known)

    def __call__(self, matrix: Matrix) -> Floats:
        """Mean over the features of minus the logarithm of the share of the value's bin, less its mean in training.

        Float64 (n,) for a float32 (n, F) matrix, NaN where a value is missing; in nats, 0 for a typical row.
        """
        total = np.zeros(len(matrix))
        for at, sketch in self._known:
            total += _surprise(sketch, matrix[:, at])
        return total / len(self._known)


def _surprise(sketch: FeatureSketch, values: NDArray[np.floating[Any]]) -> Floats:
    shares = np.array([*(share * (1 - sketch.missing) for share in sketch.shares), sketch.missing])
    costs = -np.log(np.maximum(shares, _FLOOR))
    bins = np.where(np.isnan(values), len(shares) - 1, sketch.bins(values))
    return np.asarray(costs[bins] - shares @ costs)
