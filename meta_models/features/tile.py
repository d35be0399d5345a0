"""A tile: parts of pieces that are worked on together, and their tracks with as many bases around as a group needs."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError
from meta_models.features.inputs import N_CODE, SMALLEST, BaseTrack, Floats32, Floats64, Inputs, Piece, Span
from meta_models.features.layout import Layout, Part

#: Bases whose log odds are computed at a time: the arrays stay in the processor's cache.
_CACHED = 8192


class Tile:
    """Parts of pieces and their tracks.

    Beyond the bases that a piece has, a strip holds score 0, base N and no evidence (NaN).

    Parameters
    ----------
    parts : sequence of (Piece, Part)
    inputs : Inputs
    flank : int
        Bases that the pieces have on each side of their inner positions.
    reach : int
        Most bases around a position that a group reads.

    Attributes
    ----------
    count : int
        Number of wanted positions.
    """

    def __init__(self, parts: Sequence[tuple[Piece, Part]], inputs: Inputs, *, flank: int, reach: int) -> None:
        self._parts, self.inputs, self._flank, self.reach = parts, inputs, flank, reach
        self.count = sum(part.count for _, part in parts)
        self._layouts: dict[int, Layout] = {}

    def layout(self, margin: int) -> Layout:
        """Where the wanted positions stand in strips with `margin` bases around each part."""
        if margin not in self._layouts:
            self._layouts[margin] = Layout([part for _, part in self._parts], margin)
        return self._layouts[margin]

    def sequence(self, margin: int) -> NDArray[np.uint8]:
        """Codes of the bases, uint8 (strip,)."""
        codes = self._strip([piece.sequence for piece, _ in self._parts], margin, N_CODE)
        if codes.size and codes.max() > N_CODE:
            raise InputError("bases are coded 0 to 4", f"found code {codes.max()}")
        return codes

    def scores(self, key: str, margin: int) -> Floats32:
        """Donor and acceptor scores of a base model, float32 (2, strip)."""
        values = self._strip([piece.scores[key] for piece, _ in self._parts], margin, 0).T.copy()
        if values.size and not (values.min() >= 0 and values.max() <= 1):
            raise InputError(f"scores of {key} lie in [0, 1]", f"found {values.min()} to {values.max()}")
        return values

    def evidence(self, name: str, margin: int) -> Floats32:
        """The channels of a track, float32 (channels, strip)."""
        return self._strip([piece.evidence[name] for piece, _ in self._parts], margin, np.nan).T.copy()

    def log_odds(self, track: BaseTrack) -> Floats64:
        """Log odds of donor and acceptor of a base model at the wanted positions, float64 (2, count)."""
        take = self.layout(0).take
        return log_odds(np.stack([take(kind) for kind in self.scores(track.key, 0)]), track.lowest)

    @cached_property
    def mean_log_odds(self) -> Floats32:
        """Mean over the base models of the log odds of donor and acceptor, float32 (2, strip), with margin `reach`."""
        scores = [self.scores(track.key, self.reach) for track in self.inputs.models]
        mean = np.empty_like(scores[0])
        for start in range(0, len(mean[0]), _CACHED):
            here = slice(start, start + _CACHED)
            odds = [log_odds(of[:, here], track.lowest) for of, track in zip(scores, self.inputs.models, strict=True)]
            total = odds[0]
            for more in odds[1:]:
                total += more
            mean[:, here] = np.divide(total, len(odds), out=total)
        return mean

    def narrowed(self, values: NDArray[Any], margin: int) -> NDArray[Any]:
        """Those of `values` (strip,), with margin `reach`, that a strip with the smaller `margin` holds."""
        cut, kept, begin = self.reach - margin, [], 0
        for _, part in self._parts:
            size = part.stop - part.start
            kept.append(values[begin + cut : begin + cut + size + 2 * margin])
            begin += size + 2 * self.reach
        return kept[0] if len(kept) == 1 else np.concatenate(kept)

    def spans(self) -> list[tuple[Span | None, NDArray[np.int64]]]:
        """The span of each part, and its wanted positions counted from the first inner base of its piece."""
        return [(piece.span, part.wanted()) for piece, part in self._parts]

    def _strip(self, arrays: Sequence[NDArray[Any]], margin: int, fill: float) -> NDArray[Any]:
        cut = [
            _cut(array, part.start + self._flank - margin, part.stop + self._flank + margin, fill)
            for array, (_, part) in zip(arrays, self._parts, strict=True)
        ]
        return cut[0] if len(cut) == 1 else np.concatenate(cut)


def log_odds(scores: Floats32, lowest: float) -> Floats64:
    """Log odds of scores, those below `lowest` and above 1 - 1e-6 taken for these."""
    values = scores.astype(np.float64)
    np.clip(values, lowest, 1 - SMALLEST, out=values)
    np.divide(values, 1 - values, out=values)
    return np.asarray(np.log(values, out=values))


def _cut(array: NDArray[Any], start: int, stop: int, fill: float) -> NDArray[Any]:
    """``array[start:stop]``, filled where it has no values."""
    inside = array[max(start, 0) : min(stop, len(array))]
    if len(inside) == stop - start:
        return inside
    out = np.full((stop - start, *array.shape[1:]), fill, array.dtype)
    out[max(-start, 0) : max(-start, 0) + len(inside)] = inside
    return out
