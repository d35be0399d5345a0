"""Drawing rows for each round by a hash of their numbers: whoever holds a row knows by itself whether it is drawn.

XGBoost's generator goes through the rows that a process holds, so that what is drawn depends on how many processes
share them, and on rows that are held out. Here neither does.

References
----------
Steele, Lea and Flood, Fast splittable pseudorandom number generators, OOPSLA 2014 (the mixer, with Stafford's
constants, variant 13).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_MASK = 2**64 - 1
_STEP = 0x9E3779B97F4A7C15
_FACTORS = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
_SHIFTS = (30, 27, 31)
_BITS = 53
_BLOCK_ROWS = 65_536

#: Derivatives (n_rows,) in the margins (n_rows,).
Gradients = Callable[[NDArray[np.float32], object], tuple[NDArray[np.float32], NDArray[np.float32]]]


@dataclass(frozen=True)
class RowDraws:
    """Which rows are drawn in which round.

    Attributes
    ----------
    share : float
        Of the rows that are drawn, on average.
    first : int
        Number, in the whole table, of the first row that is held here.
    """

    share: float
    seed: int
    first: int = 0

    def drawn(self, number: int, rows: slice) -> NDArray[np.bool_]:
        """Whether each of the `rows` held here is drawn in round `number`."""
        key = _mix_one(_mix_one(self.seed + _STEP) + number)
        numbers = np.arange(self.first + rows.start, self.first + rows.stop, dtype=np.uint64)
        numbers *= np.uint64(_STEP)
        numbers += np.uint64(key)
        return (_mixed(numbers) >> np.uint64(64 - _BITS)) < np.uint64(round(self.share * 2**_BITS))


class DrawnRows:
    """What XGBoost calls for the derivatives, once a round: those of rows that are not drawn are 0.

    Parameters
    ----------
    gradients : callable
        The derivatives of all rows.
    """

    def __init__(self, gradients: Gradients, draws: RowDraws) -> None:
        self._gradients, self._draws = gradients, draws
        self._round = 0

    def __call__(self, margins: NDArray[np.float32], matrix: object) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """First and second derivatives (n_rows,)."""
        first, second = self._gradients(margins, matrix)
        for start in range(0, len(margins), _BLOCK_ROWS):
            block = slice(start, min(start + _BLOCK_ROWS, len(margins)))
            left_out = ~self._draws.drawn(self._round, block)
            first[block][left_out] = 0
            second[block][left_out] = 0
        self._round += 1
        return first, second


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Each of `values`, which are overwritten, with its bits mixed."""
    for shift, factor in zip(_SHIFTS, (*_FACTORS, 1), strict=True):
        values ^= values >> np.uint64(shift)
        values *= np.uint64(factor)
    return values


def _mix_one(value: int) -> int:
    return int(_mixed(np.array([value & _MASK], np.uint64))[0])
