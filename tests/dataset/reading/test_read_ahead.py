"""One item is made while the last one is worked on: no more, no less, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from meta_models.dataset.reading.read_ahead import ahead, shares, side_by_side


def test_the_next_item_is_made_while_the_last_one_is_worked_on() -> None:
    made = [threading.Event() for _ in range(4)]

    def items() -> Iterator[int]:
        for number, event in enumerate(made):
            event.set()
            yield number

    taken = ahead(items())
    assert next(taken) == 0
    assert made[1].wait(timeout=10)
    assert not made[2].is_set()
    assert list(taken) == [1, 2, 3]


def test_an_error_comes_where_it_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise LookupError("no second item")

    taken = ahead(items())
    assert next(taken) == 1
    with pytest.raises(LookupError, match="no second item"):
        next(taken)


def test_no_thread_is_left_where_the_rest_is_not_wanted() -> None:
    before = set(threading.enumerate())  # an interrupted reading of another test may wait to be collected
    taken = ahead(iter(range(100)))
    assert next(taken) == 0
    assert any(thread.name.startswith("read-ahead") for thread in set(threading.enumerate()) - before)
    taken.close()
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith("read-ahead")]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_come_in_the_order_of_the_items(workers: int) -> None:
    last = threading.Event()

    def work(item: int) -> int:
        if item == 0 and workers > 1:
            assert last.wait(timeout=10)  # the first is done after the second
        if item == 1:
            last.set()
        return item * item

    assert list(side_by_side(range(20), work, workers)) == [item * item for item in range(20)]


def test_as_many_are_worked_on_as_there_are_workers() -> None:
    both = threading.Barrier(2, timeout=10)  # breaks unless two meet
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(8):
            taken.append(number)
            yield number

    results = side_by_side(items(), lambda _: both.wait(), 2)
    next(results)
    assert len(taken) == 3
    assert len(list(results)) == 7


@pytest.mark.parametrize("workers", [1, 3])
def test_an_error_of_the_work_comes_where_its_result_would_have_come(workers: int) -> None:
    results = side_by_side([1, 2, 0, 4], lambda item: 1 / item, workers)
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("side-by-side")]


def test_threads_are_shared_out() -> None:
    assert [shares(n) for n in (1, 2, 8, 16, 17)] == [(1, 1), (2, 1), (8, 1), (8, 2), (8, 2)]
