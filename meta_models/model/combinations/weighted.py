"""The weighted mean of the members' probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.model.calibrators import normalise
from meta_models.model.combinations.base import (
    Arrays,
    Combination,
    Floats,
    mixed,
    require_names,
    scored,
    weight_array,
)


@dataclass(frozen=True, eq=False)
class Weighted:
    """The mean weighted in each class, normalised again; of the members that may score a row.

    Parameters
    ----------
    weights : ndarray of float64 (M, K)
        Not negative; each class needs one above 0.
    """

    weights: Floats
    kind: ClassVar[str] = "weighted"
    names: ClassVar[tuple[str, ...]] = ("weights",)
    fitted: ClassVar[bool] = True
    columns: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "weights", weight_array(self.weights, 2, "weights"))

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:  # noqa: ARG002
        """Combine (M, n, K) to (n, K)."""
        may = scored(members)
        if may.all():
            return normalise(np.einsum("mnk,mk->nk", members, self.shares(*self.weights.shape)))
        return normalise(mixed(members, self.weights[:, None, :], may))

    def shares(self, n_members: int, n_classes: int) -> Floats:  # noqa: ARG002
        """The weights, those of a class summing to 1."""
        return np.asarray(self.weights / self.weights.sum(axis=0))

    def check(self, n_members: int, n_classes: int) -> None:
        """Raise ValueError where there is not a weight for each member and class."""
        if self.weights.shape != (n_members, n_classes):
            raise ValueError(f"weights must be of shape {(n_members, n_classes)}, found {self.weights.shape}")

    def trimmed(self, n_members: int) -> tuple[tuple[int, ...], Combination]:  # noqa: ARG002
        """Without members of no weight."""
        kept = np.flatnonzero((self.weights > 0).any(axis=1))
        return tuple(kept.tolist()), Weighted(self.weights[kept])

    def to_arrays(self) -> dict[str, Floats]:
        """``weights``, (M, K)."""
        return {"weights": self.weights}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from ``weights``; raises ValueError if they are none."""
        require_names(arrays, cls.names)
        return cls(arrays["weights"])
