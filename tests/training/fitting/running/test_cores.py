from __future__ import annotations

import pytest

from meta_models.training.fitting.running.cores import choose_processes


def never(threads: int) -> float:
    raise AssertionError(f"{threads} threads were tried")


def worth(speed_up: float, threads: int) -> dict[int, float]:
    return {1: speed_up, threads: 1.0}


@pytest.mark.parametrize(
    ("jobs", "most", "threads", "expected"),
    [(18, 2, 2, 2), (18, 1, 8, 1), (1, 8, 8, 1), (18, 18, 18, 18), (18, 6, 6, 6), (0, 4, 4, 1)],
)
def test_nothing_is_tried_where_it_is_clear(jobs: int, most: int, threads: int, expected: int) -> None:
    assert choose_processes(jobs, most, threads, never) == expected


@pytest.mark.parametrize(
    ("jobs", "most", "threads", "speed_up", "expected"),
    [
        (18, 18, 64, 25.0, 1),  # 46 cores would idle
        (18, 18, 64, 9.0, 18),
        (18, 16, 16, 10.0, 1),  # the last turn has two jobs: 18 in the time of 2 are worth 9
        (18, 16, 16, 8.0, 16),
        (3, 2, 2, 1.7, 1),
        (3, 2, 2, 1.4, 2),
    ],
)
def test_the_faster_is_taken(jobs: int, most: int, threads: int, speed_up: float, expected: int) -> None:
    assert choose_processes(jobs, most, threads, worth(speed_up, threads).__getitem__) == expected
