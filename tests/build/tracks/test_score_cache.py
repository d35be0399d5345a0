from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from meta_models.build.tracks.score_cache import STRETCH, ScoreCache


class Source:
    """The score of a forward position is the position; those of every 97th are unknown."""

    key = "main"

    def __init__(self, kind: str = "table") -> None:
        self.kind, self.calls = kind, 0

    def fetch(self, contig: str, start: int, end: int, strand: str, gene_id: str | None = None) -> NDArray[np.float32]:
        self.calls += 1
        at = np.arange(start, end, dtype=np.float64)
        values = np.stack([at, -at], axis=1).astype(np.float32)
        values[at % 97 == 0] = np.nan
        return values if strand == "+" else values[::-1]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("start", "end"),
    [(5, 9), (-30, 40), (0, STRETCH), (STRETCH - 3, STRETCH + 3), (-STRETCH - 1, 2 * STRETCH + 1), (7, 9 * STRETCH)],
)
def test_any_interval_is_what_the_source_gives(start: int, end: int, strand: str) -> None:
    source, cache = Source(), ScoreCache()
    for _ in range(2):
        found = cache.fetch(source, "chr1", start, end, strand, "g")  # type: ignore[arg-type]
        expected = np.nan_to_num(source.fetch("chr1", start, end, strand))
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == np.float32
        found[:] = 7  # what a caller does with its array changes nothing


def test_neighbours_share_what_is_read() -> None:
    source, cache = Source(), ScoreCache()
    for start in range(0, STRETCH, 500):
        cache.fetch(source, "chr1", start, start + 600, "+", "g")  # type: ignore[arg-type]
    assert source.calls == 2


def test_strands_contigs_and_base_models_are_told_apart() -> None:
    source, other, cache = Source(), Source(), ScoreCache()
    other.key = "other"
    calls: list[tuple[Any, str, str]] = [(source, "a", "+"), (source, "a", "-"), (source, "b", "+"), (other, "a", "+")]
    for track, contig, strand in calls:
        cache.fetch(track, contig, 5, 9, strand, "g")
    assert (source.calls, other.calls) == (3, 1)


def test_an_array_a_gene_is_read_for_each_gene() -> None:
    source, cache = Source("npz"), ScoreCache()
    for name in ("g", "h"):
        cache.fetch(source, "chr1", 5, 9, "+", name)  # type: ignore[arg-type]
    assert source.calls == 2
