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
        Wanted positions, counted alike; all where None.
    """

    start: int
    stop: int
    rows: NDArray[np.int64] | None = None

    @property
    def count(self) -> int:
        """Number of wanted positions."""
        return self.stop - self.start if self.rows is None else len(self.rows)

    def wanted(self) -> NDArray[np.int64]:
        """Wanted positions, counted from the first inner position of the piece, (count,)."""
        return np.arange(self.start, self.stop) if self.rows is None else self.rows


class Layout:
    """Places of the wanted positions in a strip: the parts side by side, each with `margin` bases before and after.

    Attributes
    ----------
    where : ndarray of int64, (n,)
        Place of every wanted position in the strip, increasing.
    """

    def __init__(self, parts: Sequence[Part], margin: int) -> None:
        places, runs, begin = [], [], margin
        for part in parts:
            places.append(part.wanted() + (begin - part.start))
            runs.append((begin, begin + part.stop - part.start))
            begin += part.stop - part.start + 2 * margin
        self.where: NDArray[np.int64] = np.concatenate(places)
        whole = all(part.rows is None for part in parts) and len(self.where) >= _RUN * len(parts)
        self._runs = runs if whole else None

    def take(self, values: NDArray[Any], shift: int = 0) -> NDArray[Any]:
        """The values `shift` bases after each wanted position, (n,)."""
        if self._runs is None:
            return values.take(self.where + shift)
        runs = [values[first + shift : last + shift] for first, last in self._runs]
        return runs[0] if len(runs) == 1 else np.concatenate(runs)
