"""What every combination of members offers, and what several of them compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Arrays: TypeAlias = Mapping[str, Floats]


class Combination(Protocol):
    """A map from the probabilities of M members, and what other columns hold, to probabilities.

    Attributes
    ----------
    kind : str
        The name that stands in the model file.
    names : tuple of str
        Names of the arrays that :meth:`to_arrays` returns.
    fitted : bool
        Whether its parameters were fitted to labels.
    """

    kind: ClassVar[str]
    names: ClassVar[tuple[str, ...]]
    fitted: ClassVar[bool]

    @property
    def columns(self) -> tuple[int, ...]:
        """Numbers of the features that it looks at beside the members, (B,)."""

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:
        """Combined probabilities (n, K) of those (M, n, K) of each member, NaN where one may not score a row.

        `others` are the values (n, B) of `columns`, where there are any.
        """

    def shares(self, n_members: int, n_classes: int) -> Floats:
        """What each member counts for each class, (M, K), as far as one number can tell."""

    def check(self, n_members: int, n_classes: int) -> None:
        """Raise ValueError where the parameters are not those of so many members and classes."""

    def trimmed(self, n_members: int) -> tuple[tuple[int, ...], Combination]:
        """The numbers of the members that count, and what combines these alone to the same."""

    def to_arrays(self) -> dict[str, Floats]:
        """The parameters as float64 arrays by name; enough to make the combination again."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from what :meth:`to_arrays` returned; raises ValueError if names, shapes or values are others."""


def require_names(arrays: Arrays, names: Sequence[str]) -> None:
    """Raise ValueError where there are other arrays than `names`."""
    if set(arrays) != set(names):
        raise ValueError(f"arrays {sorted(names)} are needed, found {sorted(arrays)}")


def scored(members: Floats) -> NDArray[np.bool_]:
    """Which members (M, n) may score which row; raises ValueError where none may score one."""
    may = ~np.isnan(members).any(axis=2)
    if not may.any(axis=0).all():
        raise ValueError("a row that no member may score cannot be scored by a combination of them")
    return np.asarray(may)


def mean_of(values: Floats, may: NDArray[np.bool_]) -> Floats:
    """Mean (n, K) of the values (M, n, K) of those members that may score a row, (M, n)."""
    if may.all():
        return np.asarray(values.mean(axis=0))
    total = np.where(may[:, :, None], values, 0.0).sum(axis=0)
    return np.asarray(total / may.sum(axis=0)[:, None])


def mixed(members: Floats, weights: Floats, may: NDArray[np.bool_]) -> Floats:
    """Weighted means (n, K) of the members (M, n, K) that may score a row, by weights (M, n, K) or (M, 1, K).

    The weights of a row's members are made to sum to 1 for each class; where all of them are 0 they are equal.
    """
    present = np.where(may[:, :, None], weights, 0.0)
    total = present.sum(axis=0)
    equal = may[:, :, None] / may.sum(axis=0)[:, None]
    shares = np.where(total > 0, present / np.where(total > 0, total, 1.0), equal)
    return np.asarray((np.where(may[:, :, None], members, 0.0) * shares).sum(axis=0))


def weight_array(values: object, n_dimensions: int, name: str) -> Floats:
    """`values` as a read-only array of weights; raises ValueError if one is negative or no number, or all of a class 0.

    The last but one dimension is that of the members, the last that of the classes.
    """
    weights = np.array(values, np.float64)
    if weights.ndim != n_dimensions or not weights.size or not np.isfinite(weights).all() or (weights < 0).any():
        raise ValueError(f"{name} must be finite, not negative and of {n_dimensions} dimensions, found {weights.shape}")
    if (weights.sum(axis=-2) <= 0).any():
        raise ValueError(f"{name}: each class needs a member above 0")
    weights.setflags(write=False)
    return weights


def feature_numbers(columns: Floats) -> tuple[int, ...]:
    """Numbers of features that were stored as float64 (B,); raises ValueError if they are none."""
    if columns.ndim != 1 or not np.isfinite(columns).all() or (columns != np.floor(np.abs(columns))).any():
        raise ValueError("columns must be numbers of features")
    return tuple(int(column) for column in columns)
