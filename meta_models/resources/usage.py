"""Memory that a process tree holds, as summed proportional set size.

A page shared by n processes counts 1/n in each, so that the sum over a tree of forked workers counts it once. Pages of
files, most of them of libraries, may be shared with processes of others, too: at least as many are counted as one
process of the tree has in memory, so that a figure does not depend on what else runs on the machine (the libraries of
a run take some 100 MB less by the plain sum where a second run goes on beside it).

References
----------
``proc_pid_smaps(5)`` (``smaps_rollup``, Linux 4.14 or later; before 5.3, the plain sum is taken);
``proc_tid_children(5)``.
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
        Sum over the tree, with pages that processes outside it share in full.
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
    own = of_files = most_of_files = processes = 0
    read_as_pss = True
    for member in tree_pids(os.getpid() if pid is None else pid):
        resident = rss(member)
        if (shares := _shares(member)) is None:
            own, read_as_pss = own + resident, read_as_pss and not resident
        else:
            own, of_files = own + shares.own, of_files + shares.files
            most_of_files = max(most_of_files, shares.files_resident)
        processes += bool(resident)
    return TreeMemory(own + max(of_files, most_of_files), "pss" if read_as_pss else "rss", processes)


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


@dataclass(frozen=True)
class _Shares:
    """Bytes of a process: its shares of memory of its own and of pages of files, and all pages of files it has."""

    own: int
    files: int
    files_resident: int


def _shares(pid: int) -> _Shares | None:
    """None where the process is gone, or its kernel does not tell."""
    shares, status = _kilobytes(pid, "smaps_rollup"), _kilobytes(pid, "status")
    if "Pss" not in shares:
        return None
    files = shares.get("Pss_File", 0)
    return _Shares(shares["Pss"] - files, files, status.get("RssFile", 0) if files else 0)


def _kilobytes(pid: int, name: str) -> dict[str, int]:
    """What a file of a process gives in kB, in bytes by its words; nothing where the process is gone."""
    try:
        text = (_PROC / str(pid) / name).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    lines = (line.split() for line in text.splitlines())
    return {words[0].rstrip(":"): 1024 * int(words[1]) for words in lines if words[2:] == ["kB"]}
