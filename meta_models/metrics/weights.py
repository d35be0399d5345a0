"""Row weights: checks, class-ratio weights and effective sample size."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from meta_models.errors import InputError
from meta_models.schema import CLASS_NAMES, CLASSES

_SUM_TOLERANCE = 1e-3


def as_weight(weight: ArrayLike | None, n: int) -> NDArray[np.float64]:
    """`weight` as (n,) float64; ones where it is None.

    Raises
    ------
    ValueError
        If the length differs or a weight is negative or not finite.
    """
    if weight is None:
        return np.ones(n)
    values = np.asarray(weight, np.float64)
    if values.shape != (n,):
        raise ValueError(f"weight must have shape ({n},), found {values.shape}")
    if not (np.all(np.isfinite(values)) and np.all(values >= 0)):
        raise ValueError("weights must be finite and not negative")
    return values


def prevalence_weights(labels: ArrayLike, true_prevalence: Mapping[str, float]) -> NDArray[np.float64]:
    """Weights that give the classes of a table their true ratio.

    Parameters
    ----------
    labels : (n,) int
        :class:`~meta_models.schema.SpliceClass` codes.
    true_prevalence : mapping of class name to float
        Share of each class among all positions; sums to 1.

    Returns
    -------
    (n,) float64
        True share over share in the table, scaled so that the least weight is 1 (as with sampling weights, a row
        stands at least for itself).

    Raises
    ------
    InputError
        If a class is missing or unknown, a share is negative, they do not sum to 1, or a class of the table has
        share 0.
    """
    given = {name: float(value) for name, value in true_prevalence.items()}
    shares = np.array([given.get(name, -1.0) for name in CLASS_NAMES])
    if set(given) != set(CLASS_NAMES) or np.any(shares < 0) or abs(shares.sum() - 1) > _SUM_TOLERANCE:
        raise InputError(
            f"true_prevalence needs the shares of {', '.join(CLASS_NAMES)}, which sum to 1",
            f"Found {given}",
            "Correct it in dataset_info.json",
        )
    codes = np.asarray(labels, np.intp)
    counts = np.bincount(codes, minlength=len(CLASSES))
    if empty := [CLASS_NAMES[k] for k in CLASSES if counts[k] and shares[k] == 0]:
        raise InputError(
            "true_prevalence must be above 0 for every class of the table",
            f"Found 0 for {', '.join(empty)}",
            "Correct it in dataset_info.json",
        )
    ratio = np.divide(shares, counts, out=np.full(len(CLASSES), np.inf), where=counts > 0)
    weights: NDArray[np.float64] = ratio[codes] / ratio.min()
    return weights


def effective_sample_size(weight: ArrayLike, mask: ArrayLike | None = None) -> float:
    """Kish's effective number of rows, (sum w)^2 / sum w^2, among those of `mask`; 0 where there are none.

    References
    ----------
    Kish, Survey Sampling, 1965.
    """
    values = np.asarray(weight, np.float64)
    values = values if mask is None else values[np.asarray(mask, np.bool_)]
    squares = float(values @ values)
    return float(values.sum()) ** 2 / squares if squares > 0 else 0.0
