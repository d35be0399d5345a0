"""Group `evidence`: values of the evidence tracks at a position and in windows around it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from meta_models.features.group import Column, Group
from meta_models.features.inputs import EvidenceTrack, Floats32
from meta_models.features.layout import Layout
from meta_models.features.tile import Tile
from meta_models.features.windows import Counts, Maxima, Sums

_KINDS = ("donor", "acceptor")


@dataclass(frozen=True)
class EvidenceGroup(Group):
    """Value, mean, largest and standard deviation of signals; reads, partners and entropy of junctions.

    Attributes
    ----------
    windows : tuple of int
        Half widths of the windows of signals.
    junctions : int
        Bases before and after a position in which the junctions with most reads are looked for.
    """

    name: ClassVar[str] = "evidence"
    VERSION: ClassVar[int] = 1

    windows: tuple[int, ...] = (10, 100)
    junctions: int = 100

    @property
    def reach(self) -> int:
        """The widest window."""
        return max(*self.windows, self.junctions)

    def columns(self, tile: Tile) -> Iterator[Column]:
        """The columns of every track in order."""
        for track in tile.inputs.evidence:
            values, layout = tile.evidence(track.name, self.reach), tile.layout(self.reach)
            columns = (
                self._signal(values[0], layout) if track.kind == "signal" else self._junctions(track, values, layout)
            )
            yield from ((f"evidence_{track.name}_{name}", column) for name, column in columns)

    def _signal(self, values: Floats32, layout: Layout) -> Iterator[Column]:
        """Missing values are left out of the windows; a window without a value is missing."""
        yield "value", layout.take(values)
        known = ~np.isnan(values)
        filled = np.where(known, values, np.float32(0)).astype(np.float64)
        counts, sums, squares = Counts(known, layout), Sums(filled, layout), Sums(filled * filled, layout)
        maxima = Maxima(np.where(known, values, np.float32(-np.inf)), layout)
        for half in self.windows:
            number = counts.over(-half, half)
            some, among = number > 0, np.maximum(number, 1)
            mean = sums.over(-half, half) / among
            variance = squares.over(-half, half) / among - mean * mean
            yield f"mean{half}", np.where(some, mean, np.nan)
            yield f"max{half}", np.where(some, maxima.over(-half, half), np.nan)
            yield f"sd{half}", np.where(some, np.sqrt(np.maximum(variance, 0)), np.nan)

    def _junctions(self, track: EvidenceTrack, values: Floats32, layout: Layout) -> Iterator[Column]:
        """Reads and distances as log(1 + x); no junction is 0."""
        channels = dict(zip(track.channels, np.nan_to_num(values, nan=0.0), strict=True))
        for kind in _KINDS:
            reads = channels[f"{kind}_reads"]
            yield f"{kind}_reads", _log1p(layout.take(reads))
            yield f"{kind}_partner", _log1p(layout.take(channels[f"{kind}_partner"]))
            yield f"{kind}_entropy", layout.take(channels[f"{kind}_entropy"])
            maxima = Maxima(reads, layout)
            yield f"{kind}_reads_up{self.junctions}", _log1p(maxima.over(-self.junctions, -1))
            yield f"{kind}_reads_down{self.junctions}", _log1p(maxima.over(1, self.junctions))


def _log1p(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.asarray(np.log1p(values.astype(np.float64)))
