"""What a score may be."""

from __future__ import annotations

import numpy as np
import pytest

from meta_models.build.scores.checks import ScoreTally, checked
from meta_models.errors import InputError


def test_rounding_is_cut_off_and_nan_kept() -> None:
    scores = np.array([[-1e-8, 1 + 5e-7], [np.nan, 0.5], [0.6, 0.4005]], np.float32)
    found = checked(scores, what="x", contig="c", start=0)
    np.testing.assert_array_equal(found, np.array([[0, 1], [np.nan, 0.5], [0.6, 0.4005]], np.float32))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[0.5, 0.1], [0.1, 1.5], [2, 0]], r"Found 2 others, the first: acceptor 1.5 at c:12\.$"),
        ([[0.5, -3.0]], "log-odds or delta scores of variants"),
        ([[0.1, 0.1], [0.6, 0.5]], r"must sum to 1 at most. Found 1 positions above, the first: donor 0.6 .* at c:12"),
        ([[np.inf, 0]], "Found 1 others"),
    ],
)
def test_wrong_scores_are_counted_and_placed(rows: list[list[float]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        checked(np.array(rows, np.float32), what="x", contig="c", start=10)


def test_a_tally_counts_over_batches() -> None:
    tally = ScoreTally("x")
    for batch in range(3):
        rows = np.array([[0.5, 0.1], [0.9, 0.9], [np.nan, 0]], np.float32)
        tally.add(rows, None, lambda k, batch=batch: f"batch {batch} row {k}")
    assert tally.wrong
    with pytest.raises(InputError, match="Found 3 NaN, the first: nan, 0 at batch 0 row 2"):
        tally.raise_if_wrong()
    clean = ScoreTally("x")
    clean.add(np.array([[0.5, 0.5]], np.float32), np.array([0.005], np.float32), str)
    clean.raise_if_wrong()
    assert not clean.wrong
    clean.add(np.array([[0.5, 0.2]], np.float32), np.array([0.5], np.float32), str)
    with pytest.raises(InputError, match=r"neither, donor and acceptor must sum to 1\. Found 1 other sums"):
        clean.raise_if_wrong()
