"""Whether the scores of a base model were cut off below a floor, or rounded: found in the scores themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

#: Fewer scores tell nothing about a floor or a rounding.
ENOUGH = 50
#: float32 holds no more decimals of a score near 1.
MAX_DECIMALS = 6
#: At a floor, this share of all scores lies within the factor `_NEAR` above the smallest one.
_SHARE_AT_FLOOR = 0.005
_NEAR = 1.25
#: A lower cut loses nothing that a model could use, and is no floor.
_SMALLEST_FLOOR = 9e-6


@dataclass(frozen=True)
class ScoreFloor:
    """Floor and rounding of the scores of one base model. Made by :func:`measure_floor`.

    Attributes
    ----------
    floor : float
        The score below which there are none but 0, to one digit; 0.0 where there is no such cut, or below 1e-5.
    decimals : int or None
        Digits after the point that the scores are rounded to; None if more than 6, or not to be told.
    smallest : float or None
        The smallest score above 0 that was seen.
    zeros : int
        Scores of exactly 0 among those seen.
    count : int
        Scores seen.
    """

    floor: float
    decimals: int | None
    smallest: float | None
    zeros: int
    count: int

    def same_as(self, other: ScoreFloor) -> bool:
        """Whether a model trained on scores with one floor may serve scores with the other.

        Floors are measured on samples: they are the same up to a factor of 2. Rounding must be the same.
        """
        low, high = sorted((self.floor, other.floor))
        return self.decimals == other.decimals and (high == 0 or (low > 0 and high <= 2 * low))


def measure_floor(scores: NDArray[np.float32]) -> ScoreFloor:
    """Find the floor and the rounding of scores.

    Rounding to k decimals is the smallest k for which all scores are multiples of 10^-k; it makes 10^-k a floor. Else
    the floor is the smallest score, if scores pile up there: a half percent of them or more within a factor 1.25.

    Parameters
    ----------
    scores : NDArray[float32], shape (n,)
        Scores as they stand in the files, without NaN.
    """
    values = np.unique(scores[scores > 0])
    positive = scores[scores > 0]
    zeros = int((scores == 0).sum())
    if not len(positive):
        return ScoreFloor(0.0, None, None, zeros, len(scores))
    smallest = float(values[0])
    if len(positive) < ENOUGH:
        return ScoreFloor(0.0, None, smallest, zeros, len(scores))
    decimals = _decimals(values)
    piled = float((positive <= smallest * _NEAR).mean()) >= _SHARE_AT_FLOOR
    floor = max(_one_digit(smallest) if piled else 0.0, float(f"1e-{decimals}") if decimals else 0.0)
    return ScoreFloor(floor if floor >= _SMALLEST_FLOOR else 0.0, decimals, smallest, zeros, len(scores))


def _decimals(values: NDArray[np.float32]) -> int | None:
    """Decimals of distinct scores above 0."""
    inside = values[values < 1].astype(np.float64)
    for decimals in range(1, MAX_DECIMALS + 1):
        scaled = inside * 10.0**decimals
        allowed = np.maximum(1e-3, scaled * 2.0**-22)
        if len(inside) and (np.abs(scaled - np.rint(scaled)) <= allowed).all():
            return decimals
    return None


def _one_digit(value: float) -> float:
    """`value` rounded down to one digit, where a thousandth more or less (float16 files) counts as the same."""
    exponent = math.floor(math.log10(value * 1.001))
    digit = math.floor(value * 1.001 / 10.0**exponent)
    return float(f"{digit}e{exponent}")
