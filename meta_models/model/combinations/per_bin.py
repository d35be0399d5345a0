"""Weights of their own where a base model's score is low, middling or high."""

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
    feature_numbers,
    mixed,
    require_names,
    scored,
    weight_array,
)


@dataclass(frozen=True, eq=False)
class PerBin:
    """The weighted mean by the weights of the bin in which the largest of some columns lies.

    Parameters
    ----------
    edges : ndarray of float64 (B - 1,)
        Increasing; bin b holds values above ``edges[b - 1]`` and not above ``edges[b]``.
    weights : ndarray of float64 (B, M, K)
    overall : ndarray of float64 (M, K)
        Of rows in which one of the columns is missing.
    columns : tuple of int
        Numbers of the features, at least one.
    """

    edges: Floats
    weights: Floats
    overall: Floats
    columns: tuple[int, ...]
    kind: ClassVar[str] = "per-bin"
    names: ClassVar[tuple[str, ...]] = ("edges", "weights", "overall", "columns")
    fitted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        edges = np.array(self.edges, np.float64)
        weights, overall = weight_array(self.weights, 3, "weights"), weight_array(self.overall, 2, "overall")
        if edges.ndim != 1 or not np.isfinite(edges).all() or (np.diff(edges) <= 0).any():
            raise ValueError("edges must be finite and increase")
        if weights.shape != (len(edges) + 1, *overall.shape) or not self.columns:
            raise ValueError(f"weights must be of shape {(len(edges) + 1, *overall.shape)}, columns at least one")
        edges.setflags(write=False)
        for name, values in (("edges", edges), ("weights", weights), ("overall", overall)):
            object.__setattr__(self, name, values)

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:
        """Combine (M, n, K) by the values (n, B) of the columns to (n, K)."""
        if others is None or others.shape != (members.shape[1], len(self.columns)):
            raise ValueError("combining by bins needs the values of its columns")
        of_row = np.concatenate([self.weights, self.overall[None]])[bins_of(others, self.edges)]
        return normalise(mixed(members, of_row.transpose(1, 0, 2), scored(members)))

    def shares(self, n_members: int, n_classes: int) -> Floats:  # noqa: ARG002
        """The weights of all bins together, those of a class summing to 1."""
        return np.asarray(self.overall / self.overall.sum(axis=0))

    def check(self, n_members: int, n_classes: int) -> None:
        """Raise ValueError where there is not a weight for each member and class."""
        if self.overall.shape != (n_members, n_classes):
            raise ValueError(f"weights of a bin must be of shape {(n_members, n_classes)}, found {self.overall.shape}")

    def trimmed(self, n_members: int) -> tuple[tuple[int, ...], Combination]:  # noqa: ARG002
        """Without members that have no weight in any bin."""
        kept = np.flatnonzero((self.weights > 0).any(axis=(0, 2)) | (self.overall > 0).any(axis=1))
        return tuple(kept.tolist()), PerBin(self.edges, self.weights[:, kept], self.overall[kept], self.columns)

    def to_arrays(self) -> dict[str, Floats]:
        """``edges``, ``weights``, ``overall`` and ``columns``."""
        columns = np.array(self.columns, np.float64)
        return {"edges": self.edges, "weights": self.weights, "overall": self.overall, "columns": columns}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from what :meth:`to_arrays` returned; raises ValueError if that does not fit together."""
        require_names(arrays, cls.names)
        return cls(arrays["edges"], arrays["weights"], arrays["overall"], feature_numbers(arrays["columns"]))


def bins_of(others: NDArray[np.floating], edges: Floats) -> NDArray[np.intp]:
    """The bin (n,) of the largest of the values (n, B) of each row; ``len(edges) + 1`` where one is missing."""
    largest = others.astype(np.float64).max(axis=1)
    return np.where(np.isnan(largest), len(edges) + 1, np.searchsorted(edges, largest))
