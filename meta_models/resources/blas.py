"""Sums that are the same whatever number of threads there is."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import threadpool_limits


def one_blas_thread() -> AbstractContextManager[Any]:
    """Within the block BLAS has one thread: with more it sums in another order, and the last digit is another one.

    OpenMP and the threads of the learner are left as they are. Children that are forked within inherit it.
    """
    limited: AbstractContextManager[Any] = threadpool_limits(1, user_api="blas")
    return limited
