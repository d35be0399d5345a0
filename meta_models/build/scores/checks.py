"""What a score of a base model may be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.plausibility.percent import ends, percent_hint
from meta_models.errors import InputError

#: What arithmetic and rounding may add to a score, and to the sum of donor and acceptor.
ROUNDING, SUM_ROUNDING = 1e-6, 1e-3
NEITHER_ROUNDING = 1e-2
SCORES = ("donor", "acceptor")


def as_scores(values: Sequence[Any] | NDArray[Any]) -> NDArray[np.float32]:
    """Numbers as float32; those that are too large for it become infinite, and no score."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float64).astype(np.float32)


def checked(scores: NDArray[np.float32], *, what: str, contig: str, start: int) -> NDArray[np.float32]:
    """`scores` of the positions from `start` on, cut to [0, 1] where they are outside by rounding only.

    Parameters
    ----------
    scores : NDArray[float32], shape (n, 2)
        Donor and acceptor score, changed in place; NaN where there is none.
    what, contig : str
        Where they come from, for messages.
    start : int
        0-based forward position of the first row.

    Raises
    ------
    InputError
        With the number of scores that are wrong and the first place.
    """
    with np.errstate(invalid="ignore"):
        wrong = (scores < -ROUNDING) | (scores > 1 + ROUNDING)
        above = scores.sum(axis=1) > 1 + SUM_ROUNDING
    if wrong.any():
        row, column = (int(i) for i in np.argwhere(wrong)[0])
        where = f"{SCORES[column]} {scores[row, column]:.6g} at {contig}:{start + row + 1:,}"
        raise out_of_range(what, int(wrong.sum()), where, *ends(scores))
    if above.any():
        row = int(above.argmax())
        pair = " + ".join(f"{name} {score:.4g}" for name, score in zip(SCORES, scores[row], strict=True))
        raise too_large_sum(what, int(above.sum()), f"{pair} at {contig}:{start + row + 1:,}")
    return np.clip(scores, 0, 1, out=scores)


def out_of_range(what: str, count: int, first: str, lowest: float, highest: float) -> InputError:
    """The error for scores outside [0, 1]; `first` names the first one and its place."""
    negative = "Negative values look like log-odds or delta scores of variants: give probabilities"
    action = negative if lowest < -ROUNDING else percent_hint(max(lowest, 0.0), highest)
    return InputError(
        f"{what}: each score must be a probability from 0 to 1", f"Found {count:,} others, the first: {first}", action
    )


def too_large_sum(what: str, count: int, first: str) -> InputError:
    """The error for positions whose two scores sum to more than 1."""
    return InputError(
        f"{what}: donor and acceptor score of a position must sum to 1 at most",
        f"Found {count:,} positions above, the first: {first}",
        "They must be probabilities of one model (neither, donor, acceptor)",
    )


class ScoreTally:
    """Counts what is wrong in the rows of a whole file, and remembers the first place of each kind.

    Parameters
    ----------
    what : str
        Where the scores come from, for messages.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._counts = dict.fromkeys(("missing", "range", "sum", "neither"), 0)
        self._first: dict[str, str] = {}
        self._lowest, self._highest = np.inf, -np.inf

    @property
    def wrong(self) -> bool:
        """Whether anything was wrong so far."""
        return bool(self._first)

    def add(
        self, scores: NDArray[np.float32], neither: NDArray[np.float32] | None, place: Callable[[int], str]
    ) -> None:
        """Look at scores, shape (n, columns); `place` names the place of a row."""
        with np.errstate(invalid="ignore"):
            outside = ((scores < -ROUNDING) | (scores > 1 + ROUNDING)).any(axis=1)
            total = scores.sum(axis=1)
            found = {"missing": np.isnan(scores).any(axis=1), "range": outside, "sum": total > 1 + SUM_ROUNDING}
            if neither is not None:
                found["neither"] = ~(np.abs(total + neither - 1) <= NEITHER_ROUNDING)
        lowest, highest = ends(scores)
        self._lowest, self._highest = min(self._lowest, lowest), max(self._highest, highest)
        for kind, rows in found.items():
            self._counts[kind] += int(rows.sum())
            if rows.any() and kind not in self._first:
                k = int(rows.argmax())
                self._first[kind] = f"{', '.join(f'{score:.6g}' for score in scores[k])} at {place(k)}"

    def raise_if_wrong(self) -> None:
        """Raise what was counted.

        Raises
        ------
        InputError
            Values outside [0, 1] before missing ones, these before sums.
        """
        if "range" in self._first:
            raise out_of_range(self._what, self._counts["range"], self._first["range"], self._lowest, self._highest)
        if "missing" in self._first:
            expected = f"{self._what}: each score must be a number"
            raise InputError(expected, f"Found {self._counts['missing']:,} NaN, the first: {self._first['missing']}")
        if "sum" in self._first:
            raise too_large_sum(self._what, self._counts["sum"], self._first["sum"])
        if "neither" in self._first:
            raise InputError(
                f"{self._what}: neither, donor and acceptor must sum to 1",
                f"Found {self._counts['neither']:,} other sums, the first beside donor and acceptor"
                f" {self._first['neither']}",
            )
