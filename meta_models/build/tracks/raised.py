"""Leaving low scores out: what ``--score-floor`` says, and a source of scores that does it.

A track that holds all scores and one that left low ones out are then the same to a model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.build.scores.base import ScoreSource
from meta_models.build.tracks.changed import ChangedScores
from meta_models.build.tracks.score_floor import ScoreFloor
from meta_models.errors import UsageError

_FLOOR = re.compile(r"(?:([A-Za-z]\w*):)?([0-9.]+(?:[eE]-?[0-9]+)?)")


def parse_floors(texts: Sequence[str], keys: Sequence[str]) -> dict[str, float]:
    """Read ``[KEY:]FLOOR`` for the base models `keys`; the floor of each base model that one is given for.

    Raises
    ------
    UsageError
        If one is written otherwise, names no base model, or is no score between 0 and 1.
    """
    given: dict[str, float] = {}
    for text in texts:
        match = _FLOOR.fullmatch(text.strip())
        floor = _number(match[2]) if match else None
        if match is None or floor is None or not 0 < floor < 1:
            raise UsageError("--score-floor is [KEY:]FLOOR, a score between 0 and 1", f"Found {text!r}")
        if match[1] is not None and match[1] not in keys:
            raise UsageError(f"--score-floor must name one of the base models {', '.join(keys)}", f"Found {match[1]}")
        given.update({match[1]: floor} if match[1] else dict.fromkeys(keys, floor))
    return given


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


class RaisedScores(ChangedScores):
    """The scores of another source, those below a floor read as 0.

    Parameters
    ----------
    source : ScoreSource
        Closed with this one.
    least : float
        The floor, above 0.
    """

    def __init__(self, source: ScoreSource, least: float) -> None:
        super().__init__(source)
        self._least = least

    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> NDArray[np.float32]:
        """As :meth:`ScoreSource.fetch`; NaN, which stands for no score, stays."""
        scores = self._source.fetch(contig, start, end, strand, gene_id)
        return np.where(scores < np.float32(self._least), np.float32(0), scores)

    @property
    def floor(self) -> ScoreFloor:
        """That of the source where it is higher."""
        own = self._source.floor
        return replace(own, floor=max(own.floor, self._least))

    def facts(self) -> dict[str, Any]:
        """As the source's, and the floor."""
        return {**self._source.facts(), "score_floor": self._least}
