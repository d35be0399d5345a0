"""What the allocator of C does with memory that is freed."""

from __future__ import annotations

import ctypes
import gc
import sys

# Of malloc.h of the GNU C library, and the most that it raises its threshold to by itself.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_LARGEST_THRESHOLD = 32 << 20
_ARENAS = 2


def keep_freed_memory() -> None:
    """Let the allocator keep up to 64 MiB that were freed, and take arrays of up to 32 MiB from what it keeps.

    The GNU C library gives arrays back to the kernel when they are freed, until it has seen larger ones freed: every
    page of the next array is then a page fault, over half of the time of a computation that makes many arrays of some
    megabytes. This sets its two thresholds (``mallopt(3)``) to where they end up with arrays of 32 MiB. It holds for
    this process and for those forked from it afterwards; elsewhere it does nothing.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_THRESHOLD)


def share_arenas() -> None:
    """Let the threads of this process, and of those forked from it, allocate from two arenas.

    The GNU C library gives threads eight arenas for each core, and each keeps what was freed in it: 2,697,119 positions
    of human genes that a net scored, in one thread after another, left 1,550 MB in the process, with two arenas 800
    (``meta-models predict --dataset HUMAN``, a transformer). Boosters take the same time either way. Elsewhere it does
    nothing.

    References
    ----------
    ``mallopt(3)``, ``M_ARENA_MAX``.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)


def release_memory() -> None:
    """Give freed heap pages back to the system (glibc keeps about 1 GB after a large build)."""
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)
