"""Group `context`: the scores around a position, on the mean log odds of the base models.

An exon begins with an acceptor and ends with a donor, an intron the other way round: how likely a site is depends on
whether partners stand at the distances of exons and introns, and on stronger sites of its kind near by.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features.group import Column, Group
from meta_models.features.inputs import Floats32
from meta_models.features.layout import Layout
from meta_models.features.tile import Tile
from meta_models.features.windows import Maxima, Sums, distance_back, distance_on

_KINDS = ("donor", "acceptor")


@dataclass(frozen=True)
class ContextGroup(Group):
    """Strongest scores in windows, expected sites, partners, rivals and distances.

    Attributes
    ----------
    windows : tuple of int
        Bases of the windows before and after the position whose strongest scores are columns.
    sums : tuple of int
        Half widths of the windows whose expected number of sites is a column.
    exon, intron, short_intron : (int, int)
        Least and largest distance of the partner across an exon and across an intron.
    rival : int
        Bases on each side in which the strongest other site is looked for.
    candidate : float
        Probability from which a position is a candidate in the distances.
    farthest : int
        Distances are cut here.
    """

    name: ClassVar[str] = "context"
    VERSION: ClassVar[int] = 1

    windows: tuple[int, ...] = (5, 25, 100, 400)
    sums: tuple[int, ...] = (50, 400, 2000)
    exon: tuple[int, ...] = (20, 400)
    intron: tuple[int, ...] = (35, 5000)
    short_intron: tuple[int, ...] = (35, 120)
    rival: int = 100
    candidate: float = 0.05
    farthest: int = 5000

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("exon", "intron", "short_intron"):
            if len(getattr(self, name)) != len(("least", "largest")):
                raise InputError(
                    f"context: {name} is the least and the largest distance", f"found {getattr(self, name)}"
                )
        if self.candidate >= 1:
            raise InputError("context: candidate is a probability", f"found {self.candidate}")

    @property
    def reach(self) -> int:
        """The widest window."""
        return max(*self.windows, *self.sums, self.exon[-1], self.intron[-1], self.short_intron[-1], self.farthest)

    def columns(self, tile: Tile) -> Iterator[Column]:
        """Windows, then partners, rivals and distances."""
        layout, odds = tile.layout(tile.reach), tile.mean_log_odds
        maxima = [Maxima(values, layout) for values in odds]
        for kind, name in enumerate(_KINDS):
            yield from self._windows(name, maxima[kind])
            near = tile.narrowed(odds[kind], self.sums[-1])
            yield from self._sums(name, Sums(_probability(near), tile.layout(self.sums[-1])))
        yield from self._partners(*maxima)
        for kind, name in enumerate(_KINDS):
            yield from self._rivals(name, layout.take(odds[kind]), maxima[kind])
            yield from self._distances(name, odds[kind], layout)

    def _windows(self, name: str, maxima: Maxima) -> Iterator[Column]:
        for width in self.windows:
            yield f"context_{name}_max_up{width}", maxima.over(-width, -1)
            yield f"context_{name}_max_down{width}", maxima.over(1, width)

    def _sums(self, name: str, sums: Sums) -> Iterator[Column]:
        for half in self.sums:
            yield f"context_{name}_sum{half}", sums.over(-half, half)

    def _partners(self, donor: Maxima, acceptor: Maxima) -> Iterator[Column]:
        """The strongest acceptor that could begin the exon, or end the intron, of a donor here; and the reverse."""
        ranges = {"intron": self.intron, "short_intron": self.short_intron}
        least, largest = self.exon
        yield "context_exon_acceptor", acceptor.over(-largest, -least)
        yield "context_exon_donor", donor.over(least, largest)
        for name, (least, largest) in ranges.items():
            yield f"context_{name}_acceptor", acceptor.over(least, largest)
            yield f"context_{name}_donor", donor.over(-largest, -least)

    def _rivals(self, name: str, own: Floats32, maxima: Maxima) -> Iterator[Column]:
        rival = np.maximum(maxima.over(-self.rival, -1), maxima.over(1, self.rival))
        yield f"context_{name}_rival", rival
        yield f"context_{name}_margin", own - rival
        yield f"context_{name}_stronger", self._stronger(own, maxima)

    def _stronger(self, own: Floats32, maxima: Maxima) -> NDArray[np.int8]:
        """Number of the first ring of doubling width around the position that holds a stronger score."""
        doubling = [1 << k for k in range((self.farthest - 1).bit_length())]
        nearest, strongest = np.zeros(len(own), np.int8), np.ones(len(own), np.bool_)
        for width in (*doubling, self.farthest):
            strongest &= np.maximum(maxima.over(-width, -1), maxima.over(1, width)) <= own
            nearest += strongest
        return nearest

    def _distances(self, name: str, odds: Floats32, layout: Layout) -> Iterator[Column]:
        threshold = math.log(self.candidate / (1 - self.candidate))
        candidates, cap = np.flatnonzero(odds >= threshold), self.farthest + 1
        yield f"context_{name}_distance_up", distance_back(candidates, layout.where, 1, cap)
        yield f"context_{name}_distance_down", distance_on(candidates, layout.where, 1, cap)


def _probability(odds: Floats32) -> Floats32:
    values = odds.astype(np.float64)
    np.negative(values, out=values)
    np.exp(values, out=values)
    values += 1
    return np.divide(1, values, out=values).astype(np.float32)
