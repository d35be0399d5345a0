"""Scores that neighbouring genes share are read once: small genes lie closer to one another than their flanks reach."""

from __future__ import annotations

from collections import OrderedDict
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from meta_models.build.scores import ScoreSource

#: Bases of a stretch that is read and kept; longer intervals than a few of them are read directly.
STRETCH = 2**14
_KEPT, _LONG = 16, 4
_ARRAY_A_GENE = "npz"


class _Key(NamedTuple):
    source: str
    contig: str
    strand: str
    number: int


class ScoreCache:
    """Reads scores of genes, 0 where there are none, and keeps the last stretches."""

    def __init__(self) -> None:
        self._stretches: OrderedDict[_Key, NDArray[np.float32]] = OrderedDict()

    def fetch(
        self, source: ScoreSource, contig: str, start: int, end: int, strand: str, gene_id: str
    ) -> NDArray[np.float32]:
        """As :meth:`ScoreSource.fetch`, without NaN."""
        if source.kind == _ARRAY_A_GENE or end - start > _LONG * STRETCH:
            return _filled(source.fetch(contig, start, end, strand, gene_id=gene_id))
        first, last = start // STRETCH, -(-end // STRETCH)
        numbers = range(first, last) if strand == "+" else range(last - 1, first - 1, -1)
        parts = [self._stretch(source, _Key(source.key, contig, strand, number)) for number in numbers]
        before = start - first * STRETCH if strand == "+" else last * STRETCH - end
        joined = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return joined[before : before + end - start].copy()

    def _stretch(self, source: ScoreSource, key: _Key) -> NDArray[np.float32]:
        """One stretch in the direction of its strand."""
        found = self._stretches.pop(key, None)
        if found is None:
            start = key.number * STRETCH
            found = _filled(source.fetch(key.contig, start, start + STRETCH, key.strand))
            while len(self._stretches) >= _KEPT:
                self._stretches.popitem(last=False)
        self._stretches[key] = found
        return found


def _filled(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.where(np.isnan(scores), np.float32(0), scores)
