"""Simulated pieces, and independent computations of what stands in windows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.features import CHANNELS, GROUPS, N_CODE, BaseTrack, EvidenceTrack, Piece, Recipe, Span

EVERY_GROUP = tuple(group() for group in GROUPS.values())
EVIDENCE = (EvidenceTrack("phylop", "signal"), EvidenceTrack("rna", "junctions"))


def recipe(**changes: Any) -> Recipe:
    """Every group on two base models and two evidence tracks."""
    fields: dict[str, Any] = {"evidence": EVIDENCE, "groups": EVERY_GROUP, "flank": 5000, **changes}
    return Recipe((BaseTrack("main"), BaseTrack("other", floor=0.001)), **fields)


def simulated(n: int, made: Recipe, seed: int = 0) -> Piece:
    """A piece with sites, unknown bases and missing evidence here and there."""
    rng, size = np.random.default_rng(seed), n + 2 * made.flank
    scores = {track.key: (rng.random((size, 2)) ** 12 / 2).astype(np.float32) for track in made.models}
    sequence = rng.integers(0, N_CODE, size).astype(np.uint8)
    sequence[rng.random(size) < 0.01] = N_CODE
    evidence = {}
    for track in made.evidence:
        values = rng.normal(0, 3, (size, len(CHANNELS[track.kind]))).astype(np.float32)
        values[rng.random(size) < 0.2] = np.nan
        evidence[track.name] = values if track.kind == "signal" else np.abs(values)
    return Piece(scores, sequence, evidence, Span(n))


def part(piece: Piece, start: int, stop: int, flank: int) -> Piece:
    """The inner positions `start` to `stop` of a piece, as a piece with the same flank."""
    cut = slice(start, stop + 2 * flank)
    scores = {key: values[cut] for key, values in piece.scores.items()}
    evidence = {name: values[cut] for name, values in piece.evidence.items()}
    assert piece.span is not None
    return Piece(scores, piece.sequence[cut], evidence, Span(piece.span.length, piece.span.offset + start))


def window(values: NDArray[Any], place: int, first: int, last: int, function: Callable[[Any], Any]) -> Any:
    """`function` of the values from `first` to `last` around a place, one place at a time."""
    return function(values[place + first : place + last + 1])
