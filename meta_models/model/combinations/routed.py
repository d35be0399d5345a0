"""Weights that depend on the sequence around: its composition, and how long the gene is."""

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
)

#: Standardised columns count no more than this: a gene unlike all of training is no reason to believe one member alone.
MOST = 3.0
_SHAPES = {"centre": 1, "scale": 1, "gate": 2, "columns": 1}


@dataclass(frozen=True, eq=False)
class Routed:
    """The weighted mean by the softmax of a linear map of some standardised columns, which are known before scoring.

    Parameters
    ----------
    centre, scale : ndarray of float64 (B,)
        Of the columns; a missing value counts as the centre.
    gate : ndarray of float64 (M, B + 1)
        Of each member: what a standard deviation of each column adds to the logarithm of its weight; last what it has
        at the centre.
    columns : tuple of int
        Numbers of the features (B,).

    References
    ----------
    Jacobs, Jordan, Nowlan and Hinton (1991), Adaptive mixtures of local experts.
    """

    centre: Floats
    scale: Floats
    gate: Floats
    columns: tuple[int, ...]
    kind: ClassVar[str] = "routed"
    names: ClassVar[tuple[str, ...]] = ("centre", "scale", "gate", "columns")
    fitted: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("centre", "scale", "gate"):
            values = np.array(getattr(self, name), np.float64)
            if values.ndim != _SHAPES[name] or not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite and of {_SHAPES[name]} dimensions, found {values.shape}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)
        wide = len(self.columns)
        if not wide or self.centre.shape != (wide,) or self.scale.shape != (wide,) or self.gate.shape[1] != wide + 1:
            raise ValueError(f"centre, scale and gate must fit {wide} columns, at least one")
        if (self.scale <= 0).any():
            raise ValueError("scale must be above 0")

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:
        """Combine (M, n, K) by the values (n, B) of the columns to (n, K)."""
        if others is None or others.shape != (members.shape[1], len(self.columns)):
            raise ValueError("routing needs the values of its columns")
        weights = gated(standardised(others, self.centre, self.scale), self.gate)
        return normalise(mixed(members, weights[:, :, None], scored(members)))

    def shares(self, n_members: int, n_classes: int) -> Floats:  # noqa: ARG002
        """The weights at the centre of the columns, those of a class summing to 1."""
        at_centre = gated(np.zeros((1, len(self.columns))), self.gate)
        return np.repeat(at_centre, n_classes, axis=1)

    def check(self, n_members: int, n_classes: int) -> None:  # noqa: ARG002
        """Raise ValueError where there is not a row of the gate for each member."""
        if len(self.gate) != n_members:
            raise ValueError(f"the gate must have {n_members} rows, found {len(self.gate)}")

    def trimmed(self, n_members: int) -> tuple[tuple[int, ...], Combination]:
        """All members count."""
        return tuple(range(n_members)), self

    def to_arrays(self) -> dict[str, Floats]:
        """``centre``, ``scale``, ``gate`` and ``columns``."""
        columns = np.array(self.columns, np.float64)
        return {"centre": self.centre, "scale": self.scale, "gate": self.gate, "columns": columns}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from what :meth:`to_arrays` returned; raises ValueError if that does not fit together."""
        require_names(arrays, cls.names)
        return cls(arrays["centre"], arrays["scale"], arrays["gate"], feature_numbers(arrays["columns"]))


def standardised(values: NDArray[np.floating], centre: Floats, scale: Floats) -> Floats:
    """Values (n, B) in units of the scale, within :data:`MOST` of the centre; 0 where one is missing."""
    found = (values.astype(np.float64) - centre) / scale
    return np.clip(np.nan_to_num(found, nan=0.0), -MOST, MOST)


def gated(inputs: Floats, gate: Floats) -> Floats:
    """Weights (M, n) of members for standardised columns (n, B); those of a row sum to 1."""
    logs = gate[:, :-1] @ inputs.T + gate[:, -1:]
    weights = np.exp(logs - logs.max(axis=0))
    return np.asarray(weights / weights.sum(axis=0))
