"""Numbers of windows around positions, the same bit for bit wherever an array begins.

Running sums of floats would depend on their first element. Maxima and sums are therefore made by doubling: the values
of windows of 1, 2, 4, ... bases, each from two of the half length, so that a window's value depends on what lies in it
alone. Counts are running sums of integers, which are exact.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.features.layout import Layout


class Maxima:
    """Maxima of windows over `values` (strip,), for the wanted positions of a layout."""

    def __init__(self, values: NDArray[Any], layout: Layout) -> None:
        self._levels, self._layout = [values], layout

    def over(self, first: int, last: int) -> NDArray[Any]:
        """Maximum over ``[i + first, i + last]`` for every wanted position i, (n,)."""
        level = (last - first + 1).bit_length() - 1
        values, second = self._level(level), last + 1 - (1 << level)
        whole = self._layout.take(values, first)
        return whole if second == first else np.maximum(whole, self._layout.take(values, second))

    def _level(self, level: int) -> NDArray[Any]:
        while len(self._levels) <= level:
            half = 1 << (len(self._levels) - 1)
            below = self._levels[-1]
            self._levels.append(np.maximum(below[:-half], below[half:]))
        return self._levels[level]


class Sums:
    """Sums of windows over `values` (strip,), for the wanted positions of a layout."""

    def __init__(self, values: NDArray[Any], layout: Layout) -> None:
        self._levels, self._layout = [values], layout

    def over(self, first: int, last: int) -> NDArray[Any]:
        """Sum over ``[i + first, i + last]`` for every wanted position i, (n,)."""
        length, total = last - first + 1, None
        for level in range(length.bit_length()):
            if length >> level & 1:
                part = self._layout.take(self._level(level), first)
                total = part if total is None else total + part
                first += 1 << level
        if total is None:
            raise ValueError("a window holds one base or more")
        return total

    def _level(self, level: int) -> NDArray[Any]:
        while len(self._levels) <= level:
            half = 1 << (len(self._levels) - 1)
            below = self._levels[-1]
            self._levels.append(below[:-half] + below[half:])
        return self._levels[level]


class Counts:
    """Numbers of flagged bases in windows, for the wanted positions of a layout."""

    def __init__(self, flags: NDArray[np.bool_], layout: Layout) -> None:
        self._layout = layout
        self._before = np.zeros(len(flags) + 1, np.int32)
        np.cumsum(flags, dtype=np.int32, out=self._before[1:])

    def over(self, first: int, last: int) -> NDArray[np.int32]:
        """Flagged bases in ``[i + first, i + last]`` for every wanted position i, (n,)."""
        take = self._layout.take
        return np.asarray(take(self._before, last + 1) - take(self._before, first))


def distance_back(marks: NDArray[np.int64], where: NDArray[np.int64], gap: int, cap: int) -> NDArray[np.int64]:
    """Bases from each position back to the next mark at least `gap` before it; `cap` where there is none so near.

    Parameters
    ----------
    marks : ndarray of int64, (M,)
        Marked places, increasing.
    where : ndarray of int64, (n,)
        Places of the wanted positions in the same array.
    gap, cap : int

    Returns
    -------
    ndarray of int64, (n,)
    """
    known = np.concatenate([[-1 - cap - gap], marks])
    before = np.searchsorted(known, where - gap, side="right") - 1
    return np.asarray(np.minimum(where - known[np.maximum(before, 0)], cap))


def distance_on(marks: NDArray[np.int64], where: NDArray[np.int64], gap: int, cap: int) -> NDArray[np.int64]:
    """Bases from each position on to the next mark at least `gap` after it; `cap` where there is none so near."""
    last = int(where[-1]) if len(where) else 0
    known = np.concatenate([marks, [last + cap + gap + 1]])
    after = np.searchsorted(known, where + gap, side="left")
    return np.asarray(np.minimum(known[np.minimum(after, len(known) - 1)] - where, cap))
