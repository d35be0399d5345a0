"""Group `kmer`: how often every word of k bases stands around a position. Off by default."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features.group import Column, Group
from meta_models.features.inputs import BASES, N_CODE
from meta_models.features.tile import Tile
from meta_models.features.windows import Counts

_LONGEST = 6


@dataclass(frozen=True)
class KmerGroup(Group):
    """Counts of words in the window of `half_window` bases on each side.

    Attributes
    ----------
    k : tuple of int
        Lengths of the words, up to 6.
    half_window : int
    """

    name: ClassVar[str] = "kmer"
    VERSION: ClassVar[int] = 1

    k: tuple[int, ...] = (3,)
    half_window: int = 125

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k[-1] > min(_LONGEST, 2 * self.half_window + 1):
            raise InputError(f"kmer: words have up to {_LONGEST} bases and fit into the window", f"found {self.k[-1]}")

    @property
    def reach(self) -> int:
        """The window."""
        return self.half_window

    def columns(self, tile: Tile) -> Iterator[Column]:
        """``<k>mer_<WORD>`` for every word without N."""
        codes, layout = tile.sequence(self.reach), tile.layout(self.reach)
        for k in self.k:
            words = _words(codes, k)
            for index, word in enumerate(itertools.product(BASES[:N_CODE], repeat=k)):
                counts = Counts(words == index, layout)
                yield f"{k}mer_{''.join(word)}", counts.over(-self.half_window, self.half_window + 1 - k)


def _words(codes: NDArray[np.uint8], k: int) -> NDArray[np.int32]:
    """Index of the word that begins at each base; -1 where it holds an N or runs over the end."""
    words = np.full(len(codes), -1, np.int32)
    number = max(len(codes) + 1 - k, 0)
    index, known = np.zeros(number, np.int32), np.ones(number, np.bool_)
    for shift in range(k):
        base = codes[shift : shift + number]
        index = index * N_CODE + base
        known &= base < N_CODE
    words[:number] = np.where(known, index, -1)
    return words
