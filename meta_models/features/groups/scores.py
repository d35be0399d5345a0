"""Group `scores`: the scores of every base model, and what the main one's tell with those of the bases around.

``d``, ``a``, ``n`` are the donor, acceptor and neither scores of the main base model; ``m2, m1, p1, p2`` are ``d + a``
of the bases at -2, -1, +1, +2.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from meta_models.features.group import Column, Group
from meta_models.features.inputs import Floats64
from meta_models.features.tile import Tile
from meta_models.schema import SpliceClass

_TINY = 1e-10
_LARGEST_RATIO = 1e6
_PEAK_FLOOR = 1e-3  # a score below it is no peak
_SHIFTS = {"m2": -2, "m1": -1, "p1": 1, "p2": 2}


class _Around(NamedTuple):
    """Donor plus acceptor scores of the bases around, each float64 (n,)."""

    m2: Floats64
    m1: Floats64
    p1: Floats64
    p2: Floats64

    @property
    def mean(self) -> Floats64:
        """Mean of the four neighbours, (n,)."""
        return (self.m2 + self.m1 + self.p1 + self.p2) / 4

    @property
    def highest(self) -> Floats64:
        """Highest of the four neighbours, (n,)."""
        return np.maximum(np.maximum(self.m2, self.m1), np.maximum(self.p1, self.p2))


@dataclass(frozen=True)
class ScoresGroup(Group):
    """Scores of the base models, and 40 columns derived from the main one."""

    name: ClassVar[str] = "scores"
    VERSION: ClassVar[int] = 1

    @property
    def reach(self) -> int:
        """Two bases."""
        return max(_SHIFTS.values())

    def columns(self, tile: Tile) -> Iterator[Column]:
        """The columns of tables of every version of this package, by the same names."""
        for track in tile.inputs.models:
            base = track.column_base(main=track is tile.inputs.models[0])
            for kind, values in zip(("donor", "acceptor", "neither"), _classes(tile, track.key), strict=True):
                yield base.columns[SpliceClass[kind.upper()]], values
        main = tile.inputs.models[0].key
        around = _around(tile, main, self.reach)
        yield from ((f"context_score_{name}", values) for name, values in around._asdict().items())
        yield from _derived(*_classes(tile, main), around)


def _classes(tile: Tile, key: str) -> tuple[Floats64, Floats64, Floats64]:
    """Donor, acceptor and neither scores at the wanted positions."""
    take = tile.layout(0).take
    d, a = (take(values).astype(np.float64) for values in tile.scores(key, 0))
    return d, a, np.maximum(1 - d - a, 0)


def _around(tile: Tile, key: str, margin: int) -> _Around:
    d, a = tile.scores(key, margin).astype(np.float64)
    take = tile.layout(margin).take
    return _Around(*(take(d + a, shift) for shift in _SHIFTS.values()))


def _derived(d: Floats64, a: Floats64, n: Floats64, around: _Around) -> Iterator[Column]:
    yield from _probabilities(d, a, n)
    yield "context_neighbor_mean", around.mean
    yield "context_asymmetry", (around.m1 + around.m2) - (around.p1 + around.p2)
    yield "context_max", around.highest
    donor, acceptor = dict(_peak(d, around)), dict(_peak(a, around))
    yield from ((f"donor_{name}", values) for name, values in donor.items())
    yield from ((f"acceptor_{name}", values) for name, values in acceptor.items())
    yield "donor_acceptor_peak_ratio", _ratio(donor["peak_height_ratio"], acceptor["peak_height_ratio"] + _TINY)
    yield "type_signal_difference", donor["signal_strength"] - acceptor["signal_strength"]
    yield "score_difference_ratio", (d - a) / (d + a + _TINY)
    yield "signal_strength_ratio", _ratio(donor["signal_strength"], acceptor["signal_strength"] + _TINY)


def _probabilities(d: Floats64, a: Floats64, n: Floats64) -> Iterator[Column]:
    high = np.maximum(d, a)
    log_d, log_a, log_n = (np.log(p + _TINY) for p in (d, a, n))
    yield "relative_donor_probability", d / (d + a + _TINY)
    yield "splice_probability", (d + a) / (d + a + n + _TINY)
    yield "donor_acceptor_diff", (d - a) / (high + _TINY)
    yield "splice_neither_diff", (high - n) / (np.maximum(high, n) + _TINY)
    yield "donor_acceptor_logodds", log_d - log_a
    yield "splice_neither_logodds", np.log(d + a + _TINY) - log_n
    yield "probability_entropy", -(d * log_d + a * log_a + n * log_n)


def _peak(s: Floats64, around: _Around) -> Iterator[Column]:
    """How `s`, the donor or the acceptor score, stands out from the bases around."""
    m2, m1, p1, p2 = around
    mean = around.mean
    yield "diff_m1", s - m1
    yield "diff_m2", s - m2
    yield "diff_p1", s - p1
    yield "diff_p2", s - p2
    yield "surge_ratio", _ratio(s, m1 + p1 + _TINY)
    yield "is_local_peak", (s > m1) & (s > p1) & (s > _PEAK_FLOOR)
    yield "weighted_context", 0.1 * m2 + 0.2 * m1 + 0.4 * s + 0.2 * p1 + 0.1 * p2
    yield "peak_height_ratio", _ratio(s, mean + _TINY)
    yield "second_derivative", (s - m1) - (p1 - s)
    yield "signal_strength", s - mean
    yield "context_diff_ratio", _ratio(s, around.highest + _TINY)


def _ratio(a: Floats64, b: Floats64) -> Floats64:
    """`a` / `b`, within +- 1e6: a larger ratio only says that the denominator is nil."""
    b = np.where(np.abs(b) < _TINY, _TINY, b)
    return np.asarray(np.clip(a / b, -_LARGEST_RATIO, _LARGEST_RATIO))
