"""Whether the score columns of a base model rank the classes they are named after: figures that cost a sort each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from meta_models.metrics import average_precision
from meta_models.schema import CLASSES, BaseModel, SpliceClass

#: Lift of average precision over chance, as a share of what is possible, below which a column ranks nothing.
NO_LIFT = 0.02
#: Below this lift it is looked at whether the column ranks another class, by so much more. Columns that were exchanged
#: do not rank nothing: of base models of other species sites of one kind have scores of the other, too, a lift of .14.
POOR_LIFT, CLEARLY = 0.5, 0.1
#: Fewer rows of a class say nothing.
LEAST_ROWS = 20


def doubtful_scores(frame: pl.DataFrame, bases: Sequence[BaseModel]) -> tuple[str, ...]:
    """What to warn of: columns that were exchanged, that hold one value, that rank their class no better than chance.

    Parameters
    ----------
    frame : polars.DataFrame (n_rows, ...)
        ``label`` and the scores of `bases`.
    """
    labels = frame["label"].to_numpy()
    counts = np.bincount(labels, minlength=len(CLASSES))
    if counts.min() < LEAST_ROWS:
        return ()
    return tuple(text for base in bases for text in _of_base(base, frame.select(base.columns).to_numpy(), labels))


def _of_base(base: BaseModel, scores: NDArray[np.float32], labels: NDArray[np.uint8]) -> Iterator[str]:
    """Warnings of one base model with `scores` (n_rows, 3)."""
    constant = [c for c in CLASSES if scores[:, c].min() == scores[:, c].max()]
    for c in constant:
        yield f"Column {base.columns[c]!r} holds {scores[0, c]:g} in every row: it is no score."
    of_column = {c: _Ranked(scores[:, c], labels) for c in CLASSES if c not in constant}
    poor = [c for c, ranked in of_column.items() if ranked.lift(c) < POOR_LIFT]
    exchanged = [(a, b) for a, b in combinations(poor, 2) if _exchanged(of_column, a, b)]
    for a, b in exchanged:
        yield (
            f"Columns {base.columns[a]!r} and {base.columns[b]!r} look exchanged: average precision of the first is "
            f"{of_column[a].precision(a):.3f} for {a.label} and {of_column[a].precision(b):.3f} for {b.label}, of the "
            f"second {of_column[b].precision(b):.3f} for {b.label} and {of_column[b].precision(a):.3f} for {a.label}. "
            "If so, every comparison with this base model is void."
        )
    told = {c for pair in exchanged for c in pair}
    for c in (c for c in poor if c not in told and of_column[c].lift(c) < NO_LIFT):
        yield (
            f"Column {base.columns[c]!r} does not rank {c.label} above chance: average precision "
            f"{of_column[c].precision(c):.3f}, share of the rows {np.mean(labels == c):.3f}."
        )


class _Ranked:
    """A column of scores, and how well it ranks a class; each figure is computed once."""

    def __init__(self, scores: NDArray[np.float32], labels: NDArray[np.uint8]) -> None:
        self._scores, self._labels = scores, labels
        self._found: dict[SpliceClass, float] = {}

    def precision(self, c: SpliceClass) -> float:
        """Average precision of the column for class `c`, of which there are rows."""
        if c not in self._found:
            self._found[c] = average_precision(self._labels == c, self._scores).value or 0.0
        return self._found[c]

    def lift(self, c: SpliceClass) -> float:
        """By how much that is above chance, as a share of what is possible."""
        share = float(np.mean(self._labels == c))
        return (self.precision(c) - share) / (1 - share)


def _exchanged(of_column: Mapping[SpliceClass, _Ranked], a: SpliceClass, b: SpliceClass) -> bool:
    """Whether each of two columns ranks the class of the other one clearly better than its own."""
    gains = of_column[a].lift(b) - of_column[a].lift(a), of_column[b].lift(a) - of_column[b].lift(b)
    return min(gains) > CLEARLY
