"""A logistic regression on the members' log-probabilities."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.model.calibrators import CLIP, normalise
from meta_models.model.combinations.base import Arrays, Combination, Floats, mean_of, require_names, scored


@dataclass(frozen=True, eq=False)
class Stacking:
    """The softmax of a linear map of :func:`log_probabilities`.

    Parameters
    ----------
    coef : ndarray of float64 (K, K M)
        Column ``K m + k`` is class k of member m.
    intercept : ndarray of float64 (K,)

    References
    ----------
    Wolpert (1992), Stacked generalization.
    """

    coef: Floats
    intercept: Floats
    kind: ClassVar[str] = "stacking"
    names: ClassVar[tuple[str, ...]] = ("coef", "intercept")
    fitted: ClassVar[bool] = True
    columns: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        for name, dimensions in (("coef", 2), ("intercept", 1)):
            values = np.array(getattr(self, name), np.float64)
            if values.ndim != dimensions or not values.size or not np.isfinite(values).all():
                raise ValueError(f"{name} must be finite and of {dimensions} dimensions, found {values.shape}")
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __call__(self, members: Floats, others: NDArray[np.floating] | None = None) -> Floats:  # noqa: ARG002
        """Combine (M, n, K) to (n, K)."""
        margins = log_probabilities(members) @ self.coef.T + self.intercept
        return normalise(np.exp(margins - margins.max(axis=1, keepdims=True)))

    def shares(self, n_members: int, n_classes: int) -> Floats:
        """The coefficient of each member's own class, (M, K); they need not sum to 1."""
        own = self.coef.reshape(n_classes, n_members, n_classes)
        return np.stack([own[k, :, k] for k in range(n_classes)], axis=1)

    def check(self, n_members: int, n_classes: int) -> None:
        """Raise ValueError where the map is not one from so many members to so many classes."""
        shapes = (n_classes, n_classes * n_members), (n_classes,)
        if (self.coef.shape, self.intercept.shape) != shapes:
            raise ValueError(f"coef and intercept must be of shapes {shapes}, found {self.coef.shape}")

    def trimmed(self, n_members: int) -> tuple[tuple[int, ...], Combination]:
        """All members count."""
        return tuple(range(n_members)), self

    def to_arrays(self) -> dict[str, Floats]:
        """``coef`` and ``intercept``."""
        return {"coef": self.coef, "intercept": self.intercept}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from ``coef`` and ``intercept``; raises ValueError if they are none."""
        require_names(arrays, cls.names)
        return cls(arrays["coef"], arrays["intercept"])


def log_probabilities(members: Floats) -> Floats:
    """What the regression sees of (M, n, K): log-probabilities (n, K M), clipped at 1e-7.

    A member that may not score a row is taken to say what the others say in the mean. With coefficients 1/M on a
    member's own class and 0 elsewhere, stacking is the normalised geometric mean.
    """
    may = scored(members)
    logs = np.log(np.clip(members, CLIP, 1.0))
    if not may.all():
        logs = np.where(may[:, :, None], logs, mean_of(logs, may))
    return np.asarray(logs.transpose(1, 0, 2).reshape(members.shape[1], -1))
