"""The mean of the members' probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.model.combinations.base import Arrays, Combination, Floats, mean_of, require_names, scored


@dataclass(frozen=True)
class Mean:
    """The arithmetic mean of the members that may score a row, without parameters.

    It suits members that differ by their genes alone; of members that differ in kind the better one is often drowned.
    """

    kind: ClassVar[str] = "mean"
    names: ClassVar[tuple[str, ...]] = ()
    fitted: ClassVar[bool] = False
    columns: ClassVar[tuple[int, ...]] = ()

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:  # noqa: ARG002
        """Mean (n, K) of (M, n, K)."""
        return mean_of(members, scored(members))

    def shares(self, n_members: int, n_classes: int) -> Floats:
        """Equal ones, (M, K)."""
        return np.full((n_members, n_classes), 1 / n_members)

    def check(self, n_members: int, n_classes: int) -> None:
        """Nothing to check."""

    def trimmed(self, n_members: int) -> tuple[tuple[int, ...], Combination]:
        """All members count."""
        return tuple(range(n_members)), self

    def to_arrays(self) -> dict[str, Floats]:
        """No parameters."""
        return {}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from no arrays; raises ValueError if there are any."""
        require_names(arrays, cls.names)
        return cls()
