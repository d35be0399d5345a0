"""Stretches of the genome that a prediction covers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Spans:
    """Intervals on contigs and strands; many may be the same."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], set[tuple[int, int]]] = {}
        self._last: tuple[str, str, int, int] | None = None

    @property
    def contigs(self) -> tuple[str, ...]:
        """Contigs in the order in which they came."""
        return tuple(dict.fromkeys(contig for contig, _ in self._found))

    def add(self, contig: str, strand: str, start: int, end: int) -> None:
        """Take ``[start, end)``, 0-based."""
        if (contig, strand, start, end) != self._last:
            self._last = contig, strand, start, end
            self._found.setdefault((contig, strand), set()).add((start, end))

    def has(self, contig: str, strand: str) -> bool:
        """Whether anything is covered there."""
        return (contig, strand) in self._found

    def inside(self, contig: str, strand: str, start: int, end: int) -> NDArray[np.bool_]:
        """Which positions of ``[start, end)`` are covered."""
        covered = np.zeros(end - start, bool)
        for first, last in self._found.get((contig, strand), ()):
            covered[max(first - start, 0) : max(last - start, 0)] = True
        return covered
