"""What the allocator of C does with memory that is freed."""

from __future__ import annotations

import ctypes

# Of malloc.h of the GNU C library.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory(size: int) -> None:
    """Let the allocator keep up to `size` bytes that were freed, to be used again, and take arrays so large from them.

    By default the GNU C library gives large arrays back to the kernel when they are freed, so that every page of the
    next one is a page fault: over half of the time of a computation that makes many arrays of some megabytes. Holds
    for this process and for those forked from it afterwards. Elsewhere it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, size)
        mallopt(_M_TRIM_THRESHOLD, size)
