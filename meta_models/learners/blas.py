"""Matrix products whose bytes depend neither on the number of threads nor on the rows beside a row."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Array = NDArray[Any]

_lock = threading.Lock()
_inside: list[object] = []


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have BLAS use one thread: sums in another order differ in the last bits. Threads may be in here together.

    The limit is the process's, not the thread's: the first one in sets it, the last one out lifts it.
    """
    with _lock:
        if not _inside:
            _limits.append(_controller().limit(limits=1, user_api="blas"))
        _inside.append(None)
    try:
        yield
    finally:
        with _lock:
            _inside.pop()
            if not _inside:
                _limits.pop().restore_original_limits()


def by_blocks(matrix: Array, compute: Callable[[Array], Array], rows: int) -> Array:
    """What `compute` gives for `rows` rows at a time, the last ones filled up with zeros, on one thread of BLAS.

    BLAS treats rows at the edge of a matrix in a way of their own: with blocks of one size, what a row gets does not
    depend on how many come with it.
    """
    parts = []
    with one_blas_thread():
        for start in range(0, max(len(matrix), 1), rows):
            block = matrix[start : start + rows]
            full = np.zeros((rows, matrix.shape[1]), matrix.dtype)
            full[: len(block)] = block
            parts.append(compute(full)[: len(block)])
    return np.concatenate(parts)


_limits: list[Any] = []


@cache
def _controller() -> ThreadpoolController:
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
