"""Scores of a source that are changed on the way: everything but the change is the source's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meta_models.build.scores.base import GenePlace, ScoreSource
from meta_models.build.tracks.score_floor import ScoreFloor


class ChangedScores(ScoreSource):
    """The scores of another source; subclasses say what `fetch` makes of them.

    Parameters
    ----------
    source : ScoreSource
        Closed with this one.
    """

    def __init__(self, source: ScoreSource) -> None:
        self.key, self.kind, self.what = source.key, source.kind, source.what
        self._source = source

    @property
    def contigs(self) -> tuple[str, ...]:
        """As the source's."""
        return self._source.contigs

    def match_contigs(self, lengths: Mapping[str, int], *, chrom_map: Mapping[str, str] | None = None) -> None:
        """Match those of the source."""
        self._source.match_contigs(lengths, chrom_map=chrom_map)

    def place(self, genes: Mapping[str, GenePlace]) -> None:
        """Tell the source."""
        self._source.place(genes)

    @property
    def sparse(self) -> bool:
        """As the source's."""
        return self._source.sparse

    @property
    def floor(self) -> ScoreFloor:
        """As the source's."""
        return self._source.floor

    def facts(self) -> dict[str, Any]:
        """As the source's."""
        return self._source.facts()

    def close(self) -> None:
        """Close the source."""
        self._source.close()
