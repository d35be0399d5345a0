"""One item is made while the last one is worked on: no more, no less, and nothing is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from meta_models.dataset.read_ahead import ahead


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
    taken = ahead(iter(range(100)))
    assert next(taken) == 0
    taken.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("read-ahead")]
