"""Memory that a process tree holds, as summed proportional set size.

A page shared by n processes counts 1/n in each, so that the sum over a tree of forked workers counts it once.

References
----------
``proc_pid_smaps(5)`` (``smaps_rollup``, Linux 4.14 or later).
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
    """`pid` and its descendants."""
    try:
        return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def kill_children() -> None:
    """Kill all descendants of this process."""
    for child in tree_pids(os.getpid())[1:]:
        with suppress(psutil.Error):
            psutil.Process(child).kill()


def _pss(pid: int) -> int | None:
    try:
        text = (_PROC / str(pid) / "smaps_rollup").read_text(encoding="ascii")
    except OSError:
        return None
    line = next((line for line in text.splitlines() if line.startswith("Pss:")), None)
    return None if line is None else int(line.split()[1]) * 1024
