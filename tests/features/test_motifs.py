"""Motif scores against chains counted by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from meta_models.errors import InputError
from meta_models.features import MOTIF_COLUMNS, Motifs, fit_motifs

COLUMNS = len(MOTIF_COLUMNS)
ZERO = 22  # column of the base at the position


def rows(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sites with GT and AG, others without a motif."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(n) % 3)
    codes = rng.integers(0, 4, (n, COLUMNS)).astype(np.float32)
    codes[labels == 1, ZERO + 1 : ZERO + 3] = [2, 3]
    codes[labels == 2, ZERO - 2 : ZERO] = [0, 2]
    return codes, labels, rng.uniform(1, 9, n)


def by_hand(codes: np.ndarray, labels: np.ndarray, weights: np.ndarray, kind: int, row: np.ndarray) -> float:
    """Log odds of one row, transition by transition, over dictionaries of weights."""
    first, last = ((ZERO - 3, ZERO + 5), (0, ZERO + 2))[kind - 1]
    total = 0.0
    for column in range(first, last + 1):
        logs = []
        for inside in (labels == kind, labels != kind):
            counts = np.ones(4)
            for other, weight in zip(codes[inside], weights[inside], strict=True):
                known = column == first or other[column - 1] == row[column - 1]
                if known and other[column] < 4 and (column == first or other[column - 1] < 4):
                    counts[int(other[column])] += weight
            logs.append(math.log(counts[int(row[column])] / counts.sum()))
        total += logs[0] - logs[1]
    return total


@pytest.mark.parametrize("kind", [1, 2])
def test_scores_are_those_counted_by_hand(kind: int) -> None:
    codes, labels, weights = rows(60)
    codes[3, 5] = codes[8, ZERO] = 4
    motifs = fit_motifs(codes, labels, weights)
    for row in codes[20:24]:
        assert motifs.scores(row[None])[0, kind - 1] == pytest.approx(
            by_hand(codes, labels, weights, kind, row), rel=1e-5
        )


def test_scores_tell_new_sites() -> None:
    motifs = fit_motifs(*rows(3000))
    codes, labels, _ = rows(3000, seed=1)
    donor, acceptor = motifs.scores(codes).T
    assert (donor[labels == 1] > 1).mean() > 0.9
    assert (donor[labels != 1] > 1).mean() < 0.1
    assert (acceptor[labels == 2] > 1).mean() > 0.9
    assert (acceptor[labels != 2] > 1).mean() < 0.1


def test_unknown_bases_say_nothing() -> None:
    codes, labels, weights = rows(300)
    motifs = fit_motifs(codes, labels, weights)
    unknown = np.full((1, COLUMNS), 4.0, np.float32)
    assert motifs.scores(unknown).tolist() == [[0, 0]]
    assert motifs.scores(np.full((1, COLUMNS), np.nan, np.float32)).tolist() == [[0, 0]]


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    codes, labels, _ = rows(300)
    twice = np.repeat(np.arange(300), 2)
    one, two = fit_motifs(codes, labels, np.full(300, 2.0)), fit_motifs(codes[twice], labels[twice], np.ones(600))
    assert one.donor.tobytes() == two.donor.tobytes()


def test_scores_do_not_depend_on_the_other_rows() -> None:
    codes, labels, weights = rows(70_000)
    motifs = fit_motifs(codes, labels, weights)
    whole = motifs.scores(codes)
    assert whole.dtype == np.float32
    assert motifs.scores(codes[65_530:65_540]).tobytes() == whole[65_530:65_540].tobytes()
    assert motifs.scores(codes[:0]).shape == (0, 2)


def test_arrays_give_the_motifs_back() -> None:
    codes, labels, weights = rows(300)
    motifs = fit_motifs(codes, labels, weights)
    arrays = motifs.to_arrays()
    assert {name: table.shape for name, table in arrays.items()} == {
        "motif_donor": (9, 5, 5),
        "motif_acceptor": (25, 5, 5),
    }
    assert Motifs.from_arrays(arrays).scores(codes).tobytes() == motifs.scores(codes).tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"motif_donor": np.zeros((8, 5, 5), np.float32)},
        {"motif_acceptor": np.zeros((25, 5, 5))},
        {"motif_acceptor": np.full((25, 5, 5), np.inf, np.float32)},
    ],
)
def test_arrays_that_are_no_motifs_are_refused(change: dict[str, Any]) -> None:
    arrays = fit_motifs(*rows(30)).to_arrays()
    with pytest.raises(InputError, match="finite float32"):
        Motifs.from_arrays(arrays | change)
    with pytest.raises(InputError, match="found nothing"):
        Motifs.from_arrays({})


def test_codes_that_are_none_are_refused() -> None:
    codes, labels, weights = rows(30)
    for bad in (5, -1, 0.5):
        codes[2, 2] = bad
        with pytest.raises(InputError, match="0 to 4"):
            fit_motifs(codes, labels, weights)
    with pytest.raises(InputError, match="29 columns"):
        fit_motifs(codes[:, 1:], labels, weights)


def test_every_class_is_needed() -> None:
    codes, labels, weights = rows(30)
    with pytest.raises(InputError, match="found neither, donor"):
        fit_motifs(codes[labels < 2], labels[labels < 2], weights[labels < 2])
