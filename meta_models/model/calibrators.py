"""Calibrators of one-vs-rest probabilities, as plain arrays. They are fitted in ``training``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from meta_models.schema import SpliceClass

#: Probabilities are clipped to [CLIP, 1 - CLIP] before their logarithm is taken.
CLIP = 1e-7

Arrays = Mapping[str, NDArray[np.float64]]


class Calibrator(Protocol):
    """A monotone map from probabilities, and what other columns hold, to probabilities."""

    kind: ClassVar[str]

    @property
    def columns(self) -> tuple[int, ...]:
        """Numbers of the features that it looks at beside the score, (B,)."""

    def __call__(self, p: NDArray[np.float64], others: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """Map float64 (n,), with the values (n, B) of `columns` where there are any, to float64 (n,)."""

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """The parameters as float64 arrays by name; enough to make the calibrator again."""

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make the calibrator from what :meth:`to_arrays` returned.

        Raises
        ------
        ValueError
            If names, shapes or values cannot be those of this calibrator.
        """


def logit(p: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log-odds of `p`, clipped to [`CLIP`, 1 - `CLIP`] first; any shape."""
    clipped = np.clip(p, CLIP, 1 - CLIP)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))


def sigmoid(z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probabilities of log-odds; any shape."""
    return np.asarray(np.exp(-np.logaddexp(0.0, -z)))


@dataclass(frozen=True)
class IdentityCalibrator:
    """Leaves probabilities as they are."""

    kind: ClassVar[str] = "identity"
    columns: ClassVar[tuple[int, ...]] = ()

    def __call__(self, p: NDArray[np.float64], others: NDArray[np.floating] | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Return `p`, float64 (n,)."""
        return np.asarray(p, dtype=np.float64)

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """No parameters."""
        return {}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from no arrays; raises ValueError if there are any."""
        _require_names(arrays, ())
        return cls()


@dataclass(frozen=True)
class PlattCalibrator:
    """Logistic regression on the log-odds: ``sigmoid(slope * logit(p) + intercept)``.

    References
    ----------
    Platt (1999), Probabilistic outputs for support vector machines. Fed with log-odds, slope 1 and intercept 0 are
    the identity (Kull, Silva Filho and Flach 2017 name this restriction of beta calibration).
    """

    slope: float
    intercept: float
    kind: ClassVar[str] = "platt"
    columns: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        if not (np.isfinite(self.slope) and np.isfinite(self.intercept)):
            raise ValueError(f"slope and intercept must be finite, found {self.slope} and {self.intercept}")

    def __call__(self, p: NDArray[np.float64], others: NDArray[np.floating] | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Map float64 (n,) to float64 (n,)."""
        return sigmoid(self.slope * logit(np.asarray(p, dtype=np.float64)) + self.intercept)

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """``slope`` and ``intercept``, each of shape ()."""
        return {"slope": np.array(self.slope, np.float64), "intercept": np.array(self.intercept, np.float64)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from ``slope`` and ``intercept``; raises ValueError if they are not finite scalars."""
        _require_names(arrays, ("slope", "intercept"))
        if arrays["slope"].shape != () or arrays["intercept"].shape != ():
            raise ValueError("slope and intercept must be scalars")
        return cls(float(arrays["slope"]), float(arrays["intercept"]))


@dataclass(frozen=True, eq=False)
class IsotonicCalibrator:
    """Monotone piecewise linear map with flat ends, as isotonic regression gives it.

    Parameters
    ----------
    x, y : ndarray of float64, (k,)
        Knots, x strictly increasing, y not decreasing and in [0, 1]; k at least 1.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    kind: ClassVar[str] = "isotonic"
    columns: ClassVar[tuple[int, ...]] = ()

    def __post_init__(self) -> None:
        x, y = (np.array(values, dtype=np.float64) for values in (self.x, self.y))
        if x.ndim != 1 or x.shape != y.shape or not x.size:
            raise ValueError(f"x and y must be vectors of equal length, found shapes {x.shape} and {y.shape}")
        if not (np.isfinite(x).all() and np.all((y >= 0) & (y <= 1))):
            raise ValueError("x must be finite and y in [0, 1]")
        if np.any(np.diff(x) <= 0) or np.any(np.diff(y) < 0):
            raise ValueError("x must increase and y must not decrease")
        for name, values in (("x", x), ("y", y)):
            values.setflags(write=False)
            object.__setattr__(self, name, values)

    def __call__(self, p: NDArray[np.float64], others: NDArray[np.floating] | None = None) -> NDArray[np.float64]:  # noqa: ARG002
        """Map float64 (n,) to float64 (n,)."""
        return np.interp(np.asarray(p, dtype=np.float64), self.x, self.y)

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """``x`` and ``y``, each (k,)."""
        return {"x": self.x, "y": self.y}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from ``x`` and ``y``; raises ValueError if they are no monotone knots."""
        _require_names(arrays, ("x", "y"))
        return cls(arrays["x"], arrays["y"])


#: Largest coefficient of a `BlendCalibrator`: of larger ones the terms of its sum could be infinities of both signs.
LARGEST = 1e100


@dataclass(frozen=True, eq=False)
class BlendCalibrator:
    """Logistic regression on the log-odds of the score and of the base models' scores for the same class.

    ``sigmoid(slope * logit(p) + weights @ logit(base) + intercept)``. No coefficient is negative: more of any score
    never gives less. Without base models it is a `PlattCalibrator`.

    Parameters
    ----------
    slope, intercept : float
    weights : ndarray of float64 (B,)
        Of the log-odds of the base models' scores.
    columns : tuple of int (B,)
        Numbers of the features that hold these scores.

    References
    ----------
    Wolpert (1992), Stacked generalization; Breiman (1996), Stacked regressions, for the signs of the coefficients.
    """

    slope: float
    intercept: float
    weights: NDArray[np.float64]
    columns: tuple[int, ...]
    kind: ClassVar[str] = "blend"

    def __post_init__(self) -> None:
        weights = np.array(self.weights, np.float64)
        if weights.shape != (len(self.columns),) or not (np.isfinite(weights).all() and np.isfinite(self.intercept)):
            raise ValueError("weights must be finite, one for each column")
        if not (0 <= self.slope < np.inf) or (weights < 0).any():
            raise ValueError("slope and weights must not be negative")
        if max(self.slope, abs(self.intercept), *weights) > LARGEST:
            raise ValueError(f"slope, intercept and weights must not exceed {LARGEST:g}: their sum would be no number")
        weights.setflags(write=False)
        object.__setattr__(self, "weights", weights)

    def __call__(self, p: NDArray[np.float64], others: NDArray[np.floating] | None = None) -> NDArray[np.float64]:
        """Map float64 (n,) and the base scores (n, B) to float64 (n,)."""
        z = self.intercept
        for coefficient, values in zip((self.slope, *self.weights), blend_inputs(p, others), strict=True):
            z = z + coefficient * values
        return sigmoid(np.asarray(z))

    def to_arrays(self) -> dict[str, NDArray[np.float64]]:
        """``slope`` and ``intercept``, each of shape (); ``weights`` and ``columns``, each (B,)."""
        scalars = {"slope": np.array(self.slope, np.float64), "intercept": np.array(self.intercept, np.float64)}
        return {**scalars, "weights": self.weights, "columns": np.array(self.columns, np.float64)}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Self:
        """Make it from what :meth:`to_arrays` returned; raises ValueError if that does not fit together."""
        _require_names(arrays, ("slope", "intercept", "weights", "columns"))
        if arrays["slope"].shape != () or arrays["intercept"].shape != () or arrays["columns"].ndim != 1:
            raise ValueError("slope and intercept must be scalars, columns a vector")
        columns = arrays["columns"]
        if not (np.isfinite(columns).all() and (columns == np.floor(columns)).all() and (columns >= 0).all()):
            raise ValueError("columns must be numbers of features")
        numbers = tuple(int(column) for column in columns)
        return cls(float(arrays["slope"]), float(arrays["intercept"]), arrays["weights"], numbers)


def blend_inputs(p: NDArray[np.float64], others: NDArray[np.floating] | None) -> list[NDArray[np.float64]]:
    """Log-odds (n,) of the score, then of each base model; where a base score is missing, those of the score.

    Parameters
    ----------
    p : ndarray of float64 (n,)
    others : ndarray (n, B), or None
        Base scores, which rounding may have put a little below 0; NaN where one is missing.
    """
    own = logit(np.asarray(p, dtype=np.float64))
    columns = () if others is None else (others[:, b].astype(np.float64) for b in range(others.shape[1]))
    return [own, *(np.where(column > -1, logit(column), own) for column in columns)]


#: Every kind of calibrator by the name that stands in the model file.
CALIBRATORS: dict[
    str, type[IdentityCalibrator] | type[PlattCalibrator] | type[IsotonicCalibrator] | type[BlendCalibrator]
] = {c.kind: c for c in (IdentityCalibrator, PlattCalibrator, IsotonicCalibrator, BlendCalibrator)}


def normalise(scores: NDArray[np.float64], *, zeros_mean: int | None = SpliceClass.NEITHER) -> NDArray[np.float64]:
    """Divide each row of non-negative one-vs-rest scores by its sum.

    A row of zeros (which isotonic calibration can make) becomes *neither* = 1: both site columns keep the 0 that they
    were given, so that no such row rises in the ranking of a site class, as it would with 1/3 each.

    Parameters
    ----------
    scores : ndarray of float64, (n, K)
    zeros_mean : int or None
        The class that a row of zeros becomes; None shares it out equally, where no class is the rest of all others.

    Returns
    -------
    ndarray of float64, (n, K)
        A new array; each row sums to 1.
    """
    total = scores.sum(axis=1, keepdims=True)
    empty = total[:, 0] == 0
    result = scores / np.where(total == 0, 1.0, total)
    if zeros_mean is None:
        result[empty] = 1.0 / scores.shape[1]
    else:
        result[empty, zeros_mean] = 1.0
    return result


def apply_calibrators(
    scores: NDArray[np.float64],
    calibrators: Sequence[Calibrator],
    others: Sequence[NDArray[np.floating] | None] | None = None,
    *,
    zeros_mean: int | None = SpliceClass.NEITHER,
) -> NDArray[np.float64]:
    """Calibrate each one-vs-rest column, then normalise the rows as :func:`normalise` does.

    Parameters
    ----------
    scores : ndarray of float64, (n, K)
        Uncalibrated sigmoids; of splice sites, in the order of :class:`~meta_models.schema.SpliceClass`.
    calibrators : sequence of K calibrators
        In the same order.
    others : sequence of K arrays (n, B) or None, optional
        Values of the features that each calibrator looks at.
    zeros_mean : int or None
        As in :func:`normalise`.

    Returns
    -------
    ndarray of float64, (n, K)
    """
    if scores.ndim != 2 or scores.shape[1] != len(calibrators):
        raise ValueError(f"a calibrator for each column is needed, found {len(calibrators)} and {scores.shape}")
    beside = [None] * len(calibrators) if others is None else others
    columns = [c(scores[:, k], values) for k, (c, values) in enumerate(zip(calibrators, beside, strict=True))]
    return normalise(np.column_stack(columns), zeros_mean=zeros_mean)


def _require_names(arrays: Arrays, names: Sequence[str]) -> None:
    if set(arrays) != set(names):
        raise ValueError(f"arrays {sorted(names)} are needed, found {sorted(arrays)}")
