"""Context columns against scans of one position at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from meta_models.features import BaseTrack, FeatureBlock, Piece, Recipe, packed_features
from meta_models.features.groups.context import ContextGroup

GROUP = ContextGroup(windows=(3, 9), sums=(4,), exon=(2, 10), intron=(5, 20), short_intron=(5, 8), rival=6, farthest=20)
FLANK, LENGTH = 20, 60


@pytest.fixture(scope="module")
def odds() -> np.ndarray:
    """Log odds of donor and acceptor, (2, strip), that are exact in probabilities."""
    scores = np.random.default_rng(3).choice([0.001, 0.01, 0.04, 0.06, 0.3, 0.8], (LENGTH + 2 * FLANK, 2))
    scores = scores.astype(np.float32)
    return np.log(scores / (1 - scores.astype(np.float64))).T


@pytest.fixture(scope="module")
def block(odds: np.ndarray) -> FeatureBlock:
    scores = (1 / (1 + np.exp(-odds.T))).astype(np.float32)
    piece = Piece({"main": scores}, np.zeros(len(scores), np.uint8))
    return packed_features([piece], Recipe((BaseTrack("main"),), groups=(GROUP,), flank=FLANK))


PLACES = range(FLANK, FLANK + LENGTH)


def strongest(values: np.ndarray, first: int, last: int) -> list[float]:
    return [max(values[place + first : place + last + 1]) for place in PLACES]


def test_windows(odds: np.ndarray, block: FeatureBlock) -> None:
    for kind, name in enumerate(("donor", "acceptor")):
        for width in (3, 9):
            assert block[f"context_{name}_max_up{width}"] == pytest.approx(strongest(odds[kind], -width, -1), abs=1e-5)
            assert block[f"context_{name}_max_down{width}"] == pytest.approx(strongest(odds[kind], 1, width), abs=1e-5)
        p = 1 / (1 + np.exp(-odds[kind]))
        expected = [p[place - 4 : place + 5].sum() for place in PLACES]
        assert block[f"context_{name}_sum4"] == pytest.approx(expected, rel=1e-5)


def test_partners(odds: np.ndarray, block: FeatureBlock) -> None:
    donor, acceptor = odds
    expected = {
        "exon_acceptor": strongest(acceptor, -10, -2), "exon_donor": strongest(donor, 2, 10),
        "intron_acceptor": strongest(acceptor, 5, 20), "intron_donor": strongest(donor, -20, -5),
        "short_intron_acceptor": strongest(acceptor, 5, 8), "short_intron_donor": strongest(donor, -8, -5),
    }  # fmt: skip
    for name, values in expected.items():
        assert block[f"context_{name}"] == pytest.approx(values, abs=1e-5), name


def test_rivals(odds: np.ndarray, block: FeatureBlock) -> None:
    rival = np.maximum(strongest(odds[1], -6, -1), strongest(odds[1], 1, 6))
    assert block["context_acceptor_rival"] == pytest.approx(rival, abs=1e-5)
    assert block["context_acceptor_margin"] == pytest.approx(odds[1][FLANK:-FLANK] - rival, abs=1e-5)


def test_the_nearest_stronger_site_is_told_by_doubling_widths(odds: np.ndarray, block: FeatureBlock) -> None:
    widths, rounded, expected = (1, 2, 4, 8, 16, 20), odds.round(9), []
    for place in PLACES:
        rings = [rounded[0][place - w : place + w + 1].max() > rounded[0][place] for w in widths]
        expected.append(rings.index(True) if any(rings) else len(widths))
    assert block["context_donor_stronger"].tolist() == expected


def test_distances_to_candidates(odds: np.ndarray, block: FeatureBlock) -> None:
    marks = np.flatnonzero(odds[1] >= math.log(0.05 / 0.95))
    up = [min([place - m for m in marks if m < place] + [21]) for place in PLACES]
    down = [min([m - place for m in marks if m > place] + [21]) for place in PLACES]
    assert block["context_acceptor_distance_up"].tolist() == [min(d, 21) for d in up]
    assert block["context_acceptor_distance_down"].tolist() == [min(d, 21) for d in down]


def test_the_default_windows_end_within_the_default_flank() -> None:
    assert ContextGroup().reach <= Recipe((BaseTrack("main"),)).flank
