"""Floors that are given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from meta_models.build.scores.base import GenePlace, ScoreSource
from meta_models.build.tracks.raised import RaisedScores, parse_floors
from meta_models.build.tracks.score_floor import ScoreFloor
from meta_models.errors import UsageError

KEYS = ("main", "alt")


class Given(ScoreSource):
    """The same scores wherever they are asked for."""

    key, kind, what, sparse, contigs = "main", "table", "Scores main", False, ("chr1",)

    def __init__(self, scores: list[list[float]], floor: float = 0.0) -> None:
        self._scores, self.own = np.array(scores, np.float32), ScoreFloor(floor, 3, 0.001, 5, 100)
        self.closed = False

    def match_contigs(self, lengths: Mapping[str, int], *, chrom_map: Mapping[str, str] | None = None) -> None:
        """Nothing to match."""

    def place(self, genes: Mapping[str, GenePlace]) -> None:
        """Nothing to place."""

    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> np.ndarray:
        return self._scores[start:end]

    @property
    def floor(self) -> ScoreFloor:
        return self.own

    def facts(self) -> dict[str, Any]:
        return {"kind": self.kind}

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("texts", "found"),
    [
        ((), {}),
        (("0.001",), {"main": 0.001, "alt": 0.001}),
        (("alt:1e-3", "main:.01"), {"alt": 0.001, "main": 0.01}),
        (("0.1", "alt:0.2"), {"main": 0.1, "alt": 0.2}),
    ],
)
def test_floors_are_of_all_base_models_or_of_one(texts: tuple[str, ...], found: dict[str, float]) -> None:
    assert parse_floors(texts, KEYS) == found


@pytest.mark.parametrize("text", ["0", "1", "1.5", "-0.1", "nan", "main:", "other:0.1", "0.1:main", "1.2.3", ""])
def test_what_is_no_floor_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--score-floor"):
        parse_floors((text,), KEYS)


def test_lower_scores_are_0_and_unknown_ones_stay_unknown() -> None:
    raised = RaisedScores(Given([[0.5, 0.0009], [0.001, np.nan], [0.0, 1.0]]), 0.001)
    expected = np.array([[0.5, 0.0], [0.001, np.nan], [0.0, 1.0]], np.float32)
    np.testing.assert_array_equal(raised.fetch("chr1", 0, 3, "+"), expected)


@pytest.mark.parametrize(("own", "least"), [(0.0, 0.01), (0.01, 0.01), (0.1, 0.1)])
def test_the_higher_floor_is_told(own: float, least: float) -> None:
    raised = RaisedScores(Given([], own), 0.01)
    assert raised.floor == ScoreFloor(least, 3, 0.001, 5, 100)
    assert raised.facts() == {"kind": "table", "score_floor": 0.01}


def test_the_source_is_closed() -> None:
    source = Given([])
    with RaisedScores(source, 0.01):
        assert not source.closed
    assert source.closed
