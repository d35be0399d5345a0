"""Group `sequence`: the bases around a position, their composition, and what splice sites are made of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.features.group import Column, Group
from meta_models.features.groups.signals import site_signals
from meta_models.features.inputs import N_CODE
from meta_models.features.layout import Layout
from meta_models.features.tile import Tile
from meta_models.features.windows import Counts, distance_back, distance_on

_A, _C, _G, _T = range(N_CODE)
_STOPS = ((_T, _A, _A), (_T, _A, _G), (_T, _G, _A))
_CODON = 3


@dataclass(frozen=True)
class SequenceGroup(Group):
    """Base codes, composition, open frames and signals.

    Attributes
    ----------
    upstream, downstream : int
        Bases before and after the position whose codes are columns, ``base_m<upstream>`` to ``base_p<downstream>``.
    half_window : int
        Bases on each side of the window of ``gc_content`` and ``sequence_complexity``.
    sides : tuple of int
        Bases of the windows before and after the position that are compared.
    frame : int
        The distance to stop codons is cut here.
    tract : int
        Bases before an acceptor in which the run of pyrimidines and the branch point are looked for.
    exclusion : int
        The distances to the AG and to the branch point before an acceptor are cut here.
    """

    name: ClassVar[str] = "sequence"
    VERSION: ClassVar[int] = 1

    upstream: int = 22
    downstream: int = 6
    half_window: int = 125
    sides: tuple[int, ...] = (50, 200)
    frame: int = 300
    tract: int = 50
    exclusion: int = 200

    @property
    def reach(self) -> int:
        """The widest window, and the bases of a codon or a branch point at its end."""
        return (
            max(self.upstream, self.downstream, self.half_window, *self.sides, self.frame, self.exclusion, self.tract)
            + 40
        )

    def columns(self, tile: Tile) -> Iterator[Column]:
        """Base codes, then composition, then frames, then signals."""
        codes, layout = tile.sequence(self.reach), tile.layout(self.reach)
        for shift in range(-self.upstream, self.downstream + 1):
            yield base_column(shift), layout.take(codes, shift)
        bases = [Counts(codes == base, layout) for base in range(N_CODE)]
        yield from self._window([counts.over(-self.half_window, self.half_window) for counts in bases])
        for width in self.sides:
            yield from _sides(width, bases)
        yield from self._frames(codes, layout)
        yield from site_signals(codes, layout, tract=self.tract, exclusion=self.exclusion)

    def _window(self, counts: list[NDArray[np.int32]]) -> Iterator[Column]:
        """Share of G and C, and entropy of the bases over that of equal shares; N is not counted."""
        known = np.maximum(counts[0] + counts[1] + counts[2] + counts[3], 1)
        yield "gc_content", (counts[_G] + counts[_C]) / known
        table = np.arange(2 * self.half_window + 2, dtype=np.float64)
        table[1:] *= np.log2(table[1:])
        spread = table[counts[0]] + table[counts[1]] + table[counts[2]] + table[counts[3]]
        yield "sequence_complexity", np.maximum(np.log2(known) - spread / known, 0) / 2

    def _frames(self, codes: NDArray[np.uint8], layout: Layout) -> Iterator[Column]:
        """Bases to the farthest of the nearest stop codons of the three frames: how long a coding exon could be."""
        stops = [_stops(codes, phase) for phase in range(_CODON)]
        up = [distance_back(marks, layout.where, _CODON - 1, self.frame) for marks in stops]
        down = [distance_on(marks, layout.where, 0, self.frame) for marks in stops]
        yield "open_frame_up", np.maximum.reduce(up)
        yield "open_frame_down", np.maximum.reduce(down)


def base_column(shift: int) -> str:
    """Column of the code of the base `shift` bases after the position: ``base_m22``, ``base_0``, ``base_p6``."""
    side = "m" if shift < 0 else "p" if shift else ""
    return f"base_{side}{abs(shift)}"


def _sides(width: int, bases: list[Counts]) -> Iterator[Column]:
    """Shares of G and C, and of T, before and after the position, and the step between them."""
    up, down = ([counts.over(*window) for counts in bases] for window in ((-width, -1), (1, width)))
    for name, wanted in (("gc", (_G, _C)), ("t", (_T,))):
        before, after = (_share(counts, wanted) for counts in (up, down))
        yield f"{name}_up{width}", before
        yield f"{name}_down{width}", after
        yield f"{name}_step{width}", after - before


def _share(counts: list[NDArray[np.int32]], wanted: tuple[int, ...]) -> NDArray[np.float64]:
    known = np.maximum(counts[0] + counts[1] + counts[2] + counts[3], 1)
    return np.asarray(sum(counts[base] for base in wanted) / known)


def _stops(codes: NDArray[np.uint8], phase: int) -> NDArray[np.int64]:
    """First bases of the stop codons that begin at `phase`, `phase` + 3, ..."""
    first, second, third = codes[:-2], codes[1:-1], codes[2:]
    found = np.zeros(len(first), np.bool_)
    for stop in _STOPS:
        found |= (first == stop[0]) & (second == stop[1]) & (third == stop[2])
    marks = np.flatnonzero(found)
    return np.asarray(marks[marks % _CODON == phase])
