"""The columns that say what a stretch of sequence is made of: known before anything is scored, not where sites are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from meta_models.dataset.reading.reader import Dataset
from meta_models.schema import is_kmer

#: Most columns: the k-mers of length 3, and what else there is.
MOST_COLUMNS = 80
#: Bytes of a row, with the copy without a fold.
ROW_BYTES = 2 * 4 * MOST_COLUMNS
_NAMED = frozenset({"gene_length", "transcript_length", "gc_content", "sequence_complexity"})
_WINDOW = re.compile(r"(?:gc|t)_(?:up|down)\d+")


@dataclass(frozen=True)
class Composition:
    """Values of these columns.

    Attributes
    ----------
    columns : tuple of int (B,)
        Their numbers among the features of the model.
    values : ndarray of float32 (n_rows, B)
        NaN where one is missing.
    """

    columns: tuple[int, ...]
    values: NDArray[np.float32]

    @classmethod
    def read(cls, dataset: Dataset, features: Sequence[str]) -> Self:
        """The columns of a table that are among `features`."""
        columns = composition_columns(features)
        values = np.empty((dataset.n_rows, len(columns)), np.float32)
        first = 0
        for chunk in dataset.iter_matrix([features[at] for at in columns]) if columns else ():
            values[first : first + len(chunk)] = chunk
            first += len(chunk)
        return cls(columns, values)

    def rows(self, chosen: NDArray[np.bool_]) -> Composition:
        """Those of the rows `chosen` (n_rows,)."""
        return Composition(self.columns, self.values[chosen])


def composition_columns(features: Sequence[str]) -> tuple[int, ...]:
    """Numbers of the features that say it: lengths of genes, GC and T in windows, complexity, the shortest k-mers.

    Longer k-mers, or shorter ones beyond :data:`MOST_COLUMNS` in all, are left out.
    """
    named = [at for at, name in enumerate(features) if name in _NAMED or _WINDOW.fullmatch(name)]
    kmers = {at: int(name.partition("mer_")[0]) for at, name in enumerate(features) if is_kmer(name)}
    shortest = [at for at, length in kmers.items() if length == min(kmers.values())]
    return tuple(sorted([*named, *shortest][:MOST_COLUMNS]))
