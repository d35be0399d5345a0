"""Intervals with values, sorted on disk."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from meta_models.build.scores.store import BUCKET, IntervalStore
from meta_models.errors import InputError


def add(store: IntervalStore, starts: list[int], ends: list[int], values: list[float], contig: str = "c") -> None:
    store.add(contig, "+", np.array(starts), np.array(ends), np.array(values, np.float32)[:, None])


def test_intervals_in_any_order_over_borders_of_buckets(tmp_path: Path) -> None:
    store = IntervalStore(tmp_path, 1, "x")
    add(store, [BUCKET + 5, 3], [BUCKET + 6, 5], [0.5, 0.25])
    add(store, [BUCKET - 2, 0], [BUCKET + 3, 1], [0.75, 1.0])
    add(store, [7], [8], [0.125], "d")
    store.finish()
    assert store.places == (("c", "+"), ("d", "+"))
    np.testing.assert_array_equal(
        store.fetch("c", "+", 0, 7)[:, 0], np.array([1, np.nan, np.nan, 0.25, 0.25, np.nan, np.nan], np.float32)
    )
    around = store.fetch("c", "+", BUCKET, BUCKET + 7)[:, 0]
    np.testing.assert_array_equal(around, np.array([0.75, 0.75, 0.75, np.nan, np.nan, 0.5, np.nan], np.float32))
    assert store.fetch("d", "+", 7, 8).tolist() == [[0.125]]
    assert np.isnan(store.fetch("c", "-", 0, 7)).all()
    store.close()
    assert list(tmp_path.iterdir()) == []


def test_random_intervals_against_an_array(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    edges = np.unique(rng.integers(0, 4000, 500))
    starts, ends = edges[:-1], edges[1:]
    kept = rng.random(len(starts)) < 0.6
    starts, ends, values = starts[kept], ends[kept], rng.random(kept.sum()).astype(np.float32)
    whole = np.full(4100, np.nan, np.float32)
    for start, end, value in zip(starts, ends, values, strict=True):
        whole[start:end] = value
    order = rng.permutation(len(starts))
    store = IntervalStore(tmp_path, 1, "x")
    for part in np.array_split(order, 7):
        store.add("c", "-", starts[part], ends[part], values[part][:, None])
    store.finish()
    for start in rng.integers(0, 4000, 200):
        end = start + int(rng.integers(0, 100))
        np.testing.assert_array_equal(store.fetch("c", "-", start, end)[:, 0], whole[start:end])


@pytest.mark.parametrize(
    ("starts", "ends", "message"),
    [
        ([5, 9, 5, 9], [6, 10, 6, 10], "Found 2 more, the first at c:6 "),
        ([0, 3], [5, 4], "Found 1 more, the first at c:4 "),
        ([BUCKET - 5, BUCKET + 1], [BUCKET + 2, BUCKET + 3], f"Found 1 more, the first at c:{BUCKET + 2:,} "),
    ],
)
def test_a_position_that_comes_twice(tmp_path: Path, starts: list[int], ends: list[int], message: str) -> None:
    store = IntervalStore(tmp_path, 1, "x")
    add(store, starts, ends, [0.5] * len(starts))
    with pytest.raises(InputError, match=message):
        store.finish()


def test_or_the_highest_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    store = IntervalStore(tmp_path, 1, "x", keep_highest=True)
    add(store, [5, 6, 5, 5], [6, 7, 6, 6], [0.25, 0.5, 0.75, 0.5])
    store.finish()
    assert store.fetch("c", "+", 4, 8)[1:3, 0].tolist() == [0.75, 0.5]
    assert "x: 2 positions came again" in caplog.text


def test_nothing_came(tmp_path: Path) -> None:
    store = IntervalStore(tmp_path, 2, "x")
    store.finish()
    assert np.isnan(store.fetch("c", "+", 0, 3)).all()
    assert len(store.sample().scores) == 0


def test_positions_beyond_any_contig(tmp_path: Path) -> None:
    store = IntervalStore(tmp_path, 1, "x")
    with pytest.raises(InputError, match="positions must lie on a contig"):
        add(store, [2**40], [2**40 + 1], [0.5])
