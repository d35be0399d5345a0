"""Floors and roundings of scores, planted and found."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from meta_models.build.tracks.score_floor import ScoreFloor, measure_floor


def scores(n: int = 20_000) -> NDArray[np.float32]:
    """Scores as predictors give them: most tiny, some near 1."""
    rng = np.random.default_rng(3)
    logits = np.r_[rng.normal(-9, 2, n), rng.normal(2, 2, n // 100)]
    return (1 / (1 + np.exp(-logits))).astype(np.float32)


def test_raw_scores_have_neither() -> None:
    found = measure_floor(scores())
    assert (found.floor, found.decimals, found.zeros, found.count) == (0.0, None, 0, 20_200)
    assert found.smallest == scores().min()


@pytest.mark.parametrize("floor", [1e-5, 0.001, 0.002, 0.01])
@pytest.mark.parametrize("absent", ["left out", "zero"])
def test_a_floor_is_found(floor: float, absent: str) -> None:
    cut = scores()
    cut = cut[cut >= floor] if absent == "left out" else np.where(cut < floor, np.float32(0), cut)
    found = measure_floor(cut)
    assert found.floor == floor
    assert found.decimals is None
    assert (found.zeros > 0) == (absent == "zero")


@pytest.mark.parametrize("decimals", [1, 2, 3, 4, 6])
def test_a_rounding_is_found_and_is_a_floor_too(decimals: int) -> None:
    found = measure_floor(np.round(scores().astype(float), decimals).astype(np.float32))
    assert found.decimals == decimals
    assert found.floor == (float(f"1e-{decimals}") if decimals < 6 else 0)


def test_openspliceai_writes_six_decimals_above_one_in_a_million() -> None:
    all_scores = scores()
    text = [f"{score:.6f}" for score in all_scores if score > 1e-6]
    found = measure_floor(np.array(text, np.float32))
    assert (found.floor, found.decimals, found.zeros) == (0, 6, 0)
    assert found.smallest == np.float32(1e-6)


def test_half_precision_is_no_rounding() -> None:
    found = measure_floor(scores().astype(np.float16).astype(np.float32))
    assert found.decimals is None


def test_few_scores_tell_nothing() -> None:
    found = measure_floor(np.array([0.5, 0.25, 0], np.float32))
    assert found == ScoreFloor(0.0, None, 0.25, 1, 3)
    assert measure_floor(np.zeros(100, np.float32)) == ScoreFloor(0.0, None, None, 100, 100)
    assert measure_floor(np.empty(0, np.float32)) == ScoreFloor(0.0, None, None, 0, 0)


def test_what_may_serve_what() -> None:
    def of(floor: float, decimals: int | None) -> ScoreFloor:
        return ScoreFloor(floor, decimals, None, 0, 100)

    assert of(0.001, None).same_as(of(0.002, None))
    assert not of(0.001, None).same_as(of(0.003, None))
    assert not of(0.0, None).same_as(of(0.001, None))
    assert of(0.0, None).same_as(of(0.0, None))
    assert not of(0.01, 2).same_as(of(0.01, None))
