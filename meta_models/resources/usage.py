"""Memory that a process tree holds, as summed proportional set size.

A page shared by n processes counts 1/n in each, so that the sum over a tree of forked workers counts it once.

References
----------
``proc_pid_smaps(5)`` (``smaps_rollup``, Linux 4.14 or later); ``proc_tid_children(5)``.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

_PAGE = os.sysconf("SC_PAGE_SIZE")
_PROC = Path("/proc")
#: Kernels are built with such lists as a rule (``CONFIG_PROC_CHILDREN``).
_LISTS_CHILDREN = (_PROC / f"self/task/{os.getpid()}/children").exists()


@dataclass(frozen=True)
class TreeMemory:
    """What a process tree holds; made by :func:`tree_memory`.

    Attributes
    ----------
    bytes : int
        Sum over the tree.
    method : str
        ``"pss"`` where all were read as proportional set size; ``"rss"`` where at least one process could only be read
        as resident set size, which counts shared pages in full.
    processes : int
        How many were read.
    """

    bytes: int
    method: Literal["pss", "rss"]
    processes: int


def tree_memory(pid: int | None = None) -> TreeMemory:
    """Memory of process `pid` (default: this one) and all its descendants; those that end meanwhile count 0."""
    total, processes, method = 0, 0, "pss"
    for member in tree_pids(os.getpid() if pid is None else pid):
        held = _pss(member)
        if held is None:
            held = rss(member)
            method = "rss" if held else method
        total, processes = total + held, processes + bool(held)
    return TreeMemory(total, "pss" if method == "pss" else "rss", processes)


def tree_pss(pid: int | None = None) -> int:
    """Bytes of :func:`tree_memory`."""
    return tree_memory(pid).bytes


def tree_rss(pid: int) -> int:
    """Summed resident set size of the tree, in bytes: an upper bound of the proportional one, far cheaper to read."""
    return sum(rss(member) for member in tree_pids(pid))


def rss(pid: int) -> int:
    """Resident set size of one process in bytes; 0 where it is gone."""
    try:
        return int((_PROC / str(pid) / "statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def tree_pids(pid: int) -> list[int]:
    """`pid` and its descendants; none where it is gone.

    The kernel's own list of children is read: psutil would go through all processes of the machine, which takes longer
    than a sample may where there are thousands. The list may miss a child while others come and go.
    """
    if not _LISTS_CHILDREN:
        return _tree_by_parents(pid)
    found, waiting = [], [pid]
    while waiting:
        member = waiting.pop()
        if (children := _children(member)) is not None:
            found.append(member)
            waiting += children
    return found


def _children(pid: int) -> list[int] | None:
    """Processes started by any thread of `pid`; None where it is gone."""
    try:
        threads = list((_PROC / f"{pid}/task").iterdir())
    except OSError:
        return None
    children: list[int] = []
    for thread in threads:
        with suppress(OSError):
            children += map(int, (thread / "children").read_bytes().split())
    return children


def _tree_by_parents(pid: int) -> list[int]:
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def kill_children() -> None:
    """Kill all descendants of this process; Python's keeper of semaphores, which would complain, ends by itself."""
    for child in _tree_by_parents(os.getpid())[1:]:  # the kernel's lists may miss one
        with suppress(psutil.Error):
            process = psutil.Process(child)
            if not any("multiprocessing.resource_tracker" in word for word in process.cmdline()):
                process.kill()


def _pss(pid: int) -> int | None:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("Pss:")), None)
    return None if line is None else int(line.split()[1]) * 1024
