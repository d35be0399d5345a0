"""Several pieces side by side in one array: where their bases stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Whole parts of so many positions, on average, are taken run by run, which is faster than place by place.
_RUN = 64


@dataclass(frozen=True)
class Part:
    """The inner positions ``[start, stop)`` of a piece, and those among them that are wanted.

    Attributes
    ----------
    start, stop : int
        Counted from the first inner position of the piece.
    rows : ndarray of int64 or None
        Wanted positions, counted alike; those of `runs` where None.
    runs : tuple of (int, int), optional
        Runs of wanted positions where `rows` is None: first one and end, counted alike. All positions are one run
        where it is not given.
    """

    start: int
    stop: int
    rows: NDArray[np.int64] | None = None
    runs: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        if not self.runs:
            object.__setattr__(self, "runs", ((self.start, self.stop),))

    @property
    def count(self) -> int:
        """Number of wanted positions."""
        return sum(last - first for first, last in self.runs) if self.rows is None else len(self.rows)

    def wanted(self) -> NDArray[np.int64]:
        """Wanted positions, counted from the first inner position of the piece, (count,)."""
        if self.rows is not None:
            return self.rows
        return np.concatenate([np.arange(first, last) for first, last in self.runs])


def runs_of(rows: NDArray[np.int64]) -> tuple[tuple[int, int], ...] | None:
    """First position and end of each run of neighbours among `rows`; None where the runs are short on average."""
    breaks = np.flatnonzero(rows[1:] != rows[:-1] + 1) + 1
    if len(rows) < _RUN * (len(breaks) + 1):
        return None
    firsts, lasts = rows[np.append(0, breaks)], rows[np.append(breaks, len(rows)) - 1]
    return tuple(zip(firsts.tolist(), (lasts + 1).tolist(), strict=True))


class Layout:
    """Places of the wanted positions in a strip: the parts side by side, each with `margin` bases before and after.

    Attributes
    ----------
    where : ndarray of int64, (n,)
        Place of every wanted position in the strip, increasing.
    """

    def __init__(self, parts: Sequence[Part], margin: int) -> None:
        places: list[NDArray[np.int64]] = []
        runs: list[tuple[int, int]] = []
        begin = margin
        for part in parts:
            shift = begin - part.start
            places.append(part.wanted() + shift)
            runs += ((first + shift, last + shift) for first, last in part.runs)
            begin += part.stop - part.start + 2 * margin
        self.where: NDArray[np.int64] = np.concatenate(places)
        whole = all(part.rows is None for part in parts) and len(self.where) >= _RUN * len(runs)
        self._runs = runs if whole else None

    def take(self, values: NDArray[Any], shift: int = 0) -> NDArray[Any]:
        """The values `shift` bases after each wanted position, (n,)."""
        if self._runs is None:
            return values.take(self.where + shift)
        runs = [values[first + shift : last + shift] for first, last in self._runs]
        return runs[0] if len(runs) == 1 else np.concatenate(runs)
