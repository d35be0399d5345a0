"""Reading overlaps with what is done with what was read, and that with itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar, cast

Item = TypeVar("Item")
Result = TypeVar("Result")
#: Most chunks that are worked on side by side.
_MOST = 8


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """`items`, the next of which is made in a thread while the last one is worked on.

    What making one raises is raised where it would have come; at most one is made that nobody takes.
    """
    end = object()
    with ThreadPoolExecutor(1, thread_name_prefix="read-ahead") as pool:
        coming = pool.submit(next, items, end)
        while (item := coming.result()) is not end:
            coming = pool.submit(next, items, end)
            yield cast(Item, item)


def shares(threads: int) -> tuple[int, int]:
    """How many chunks to work on side by side with so many threads, and the threads that each has for itself.

    What is done with a chunk of rows between one prediction and the next knows one thread only: two chunks with one
    thread each are done sooner than one with two.
    """
    workers = max(1, min(threads, _MOST))
    return workers, max(1, threads // workers)


def side_by_side(items: Iterable[Item], work: Callable[[Item], Result], workers: int) -> Iterator[Result]:
    """`work` of each of `items`, in their order; `workers` of them are worked on at a time, each in a thread.

    What `work` raises is raised where its result would have come. One more item than there are workers is held.
    """
    if workers <= 1:
        yield from map(work, items)
        return
    running: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers, thread_name_prefix="side-by-side") as pool:
        try:
            for item in items:
                running.append(pool.submit(work, item))
                if len(running) > workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            for unwanted in running:
                unwanted.cancel()
