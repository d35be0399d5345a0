"""The mean of the members' log-odds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.model.calibrators import logit, normalise, sigmoid
from meta_models.model.combinations.base import Floats, mean_of, scored
from meta_models.model.combinations.mean import Mean


@dataclass(frozen=True)
class Voting(Mean):
    """The probability of the mean log-odds of each class, normalised: a member that is sure is heard.

    References
    ----------
    Genest and Zidek (1986), Combining probability distributions, on logarithmic against linear pooling.
    """

    kind: ClassVar[str] = "voting"

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:  # noqa: ARG002
        """Combine (M, n, K) to (n, K)."""
        return normalise(sigmoid(mean_of(logit(members), scored(members))))
