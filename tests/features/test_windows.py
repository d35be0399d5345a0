"""Windows against one computed at a time."""

from __future__ import annotations

import numpy as np
import pytest
from features.pieces import window

from meta_models.features.layout import Layout, Part, runs_of
from meta_models.features.windows import Counts, Maxima, Sums, distance_back, distance_on

MARGIN, LENGTH = 40, 200
ROWS = np.array([0, 7, 8, 199])
WINDOWS = [(-40, 40), (-40, -40), (1, 32), (-31, 0), (-5, 8), (0, 0), (3, 39)]


@pytest.fixture
def values() -> np.ndarray:
    return np.random.default_rng(0).normal(size=LENGTH + 2 * MARGIN)


@pytest.fixture(params=["all", "rows"])
def layout(request: pytest.FixtureRequest) -> Layout:
    return Layout([Part(0, LENGTH, None if request.param == "all" else ROWS)], MARGIN)


@pytest.mark.parametrize(("first", "last"), WINDOWS)
def test_maxima(values: np.ndarray, layout: Layout, first: int, last: int) -> None:
    expected = [window(values, place, first, last, np.max) for place in layout.where]
    assert Maxima(values, layout).over(first, last).tolist() == expected


@pytest.mark.parametrize(("first", "last"), WINDOWS)
def test_sums(values: np.ndarray, layout: Layout, first: int, last: int) -> None:
    expected = [window(values, place, first, last, np.sum) for place in layout.where]
    assert Sums(values, layout).over(first, last) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("first", "last"), WINDOWS)
def test_counts(values: np.ndarray, layout: Layout, first: int, last: int) -> None:
    expected = [window(values > 0, place, first, last, np.sum) for place in layout.where]
    assert Counts(values > 0, layout).over(first, last).tolist() == expected


def test_windows_are_as_wide_as_asked(values: np.ndarray, layout: Layout) -> None:
    with pytest.raises(ValueError, match="one base or more"):
        Sums(values, layout).over(1, 0)


@pytest.mark.parametrize("gap", [0, 1, 3])
def test_distances(gap: int) -> None:
    marks, where, cap = np.array([3, 10, 11, 30]), np.arange(40), 9
    back = [min([place - m for m in marks if place - m >= gap] + [cap]) for place in where]
    on = [min([m - place for m in marks if m - place >= gap] + [cap]) for place in where]
    assert distance_back(marks, where, gap, cap).tolist() == back
    assert distance_on(marks, where, gap, cap).tolist() == on


def test_distances_without_marks_are_the_cap() -> None:
    none = np.zeros(0, np.int64)
    assert distance_back(none, np.arange(3), 1, 5).tolist() == [5, 5, 5]
    assert distance_on(none, np.arange(3), 1, 5).tolist() == [5, 5, 5]
    assert distance_on(none, none, 1, 5).tolist() == []


def test_a_layout_of_several_parts_knows_their_places() -> None:
    layout = Layout([Part(5, 8), Part(0, 4, np.array([1, 3]))], 2)
    assert layout.where.tolist() == [2, 3, 4, 7 + 2 + 1, 7 + 2 + 3]
    assert layout.take(np.arange(20), -2).tolist() == [0, 1, 2, 8, 10]


@pytest.mark.parametrize(
    ("rows", "runs"),
    [
        (np.arange(64), ((0, 64),)),
        (np.concatenate([np.arange(3, 103), np.arange(200, 300)]), ((3, 103), (200, 300))),
        (np.arange(63), None),
        (np.arange(0, 1000, 2), None),
    ],
)
def test_neighbours_among_wanted_rows_are_runs_where_these_are_long(
    rows: np.ndarray, runs: tuple[tuple[int, int], ...] | None
) -> None:
    assert runs_of(rows) == runs


def test_runs_are_taken_as_their_rows_are() -> None:
    values = np.random.default_rng(0).random(700)
    runs = ((2, 80), (100, 250))
    rows = np.concatenate([np.arange(*run) for run in runs])
    parts = [[Part(0, 300, runs=runs), Part(5, 70)], [Part(0, 300, rows), Part(5, 70, np.arange(5, 70))]]
    by_run, by_row = (Layout(each, 9) for each in parts)
    assert by_run.where.tolist() == by_row.where.tolist()
    np.testing.assert_array_equal(by_run.take(values, -4), values[by_row.where - 4])
    assert [part.count for part in parts[0]] == [part.count for part in parts[1]] == [228, 65]
