"""The value of a metric: a number, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """A number or, where it cannot be computed, the reason. Returned by every metric of the package.

    Attributes
    ----------
    value : float or None
        The figure; None where there is none. Never NaN, never a substitute.
    reason : str or None
        Why there is no figure; None where there is one.
    """

    value: float | None
    reason: str | None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError("a metric is either a value or a reason")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a metric is finite or null with a reason, found {self.value}")

    @classmethod
    def of(cls, value: float) -> Metric:
        """A finite figure."""
        return cls(float(value), None)

    @classmethod
    def null(cls, reason: str) -> Metric:
        """No figure, because of `reason`."""
        return cls(None, reason)

    def as_json(self) -> dict[str, float | str | None]:
        """``{"value": ..., "reason": ...}``."""
        return {"value": self.value, "reason": self.reason}
