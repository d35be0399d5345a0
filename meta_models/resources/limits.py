"""Limits of this process: memory, CPUs, disk.

References
----------
``getrlimit(2)``; ``sched_getaffinity(2)``; Slurm ``sbatch`` manual, *output environment variables*
(``SLURM_MEM_PER_NODE`` and ``SLURM_MEM_PER_CPU`` in units of 2^20 bytes, ``SLURM_CPUS_PER_TASK``,
``SLURM_CPUS_ON_NODE``).
"""

from __future__ import annotations

import logging
import math
import os
import re
import resource
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from meta_models.errors import MemoryBudgetError
from meta_models.local_paths import exists
from meta_models.resources.cgroup import SYSTEM_ROOT, V1_UNLIMITED, Group, groups, read_text
from meta_models.resources.usage import tree_memory

logger = logging.getLogger(__name__)

GB = 10**9

_RLIMITS: dict[str, int] = {name: getattr(resource, name) for name in ("RLIMIT_AS", "RLIMIT_RSS", "RLIMIT_DATA")}
_SLURM_UNITS = {"": 2**20, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}
_SLURM_SIZE = re.compile(r"(\d+)([KMGT]?)B?", re.IGNORECASE)

#: Room that address space needs over what is resident: thread stacks, allocator arenas, mapped libraries and files.
ADDRESS_SPACE_MARGIN = 4 * 2**30

OPTION = "--max-memory-gb"
PHYSICAL = "physical memory"
ADDRESS_SPACE = "RLIMIT_AS"
#: What helps where the user has not set the least limit by the option.
_RAISE = {ADDRESS_SPACE: "Raise ulimit -v", PHYSICAL: "Take a machine with more memory"}

GetRlimit = Callable[[int], tuple[int, int]]


@dataclass(frozen=True)
class Limit:
    """One limit (bytes, or CPUs) and where it comes from."""

    source: str
    value: int


@dataclass(frozen=True)
class MemoryLimit:
    """The least of all memory limits of this process; made by :func:`memory_limit`.

    Attributes
    ----------
    bytes : int
        The least limit.
    source : str
        Which one it is.
    candidates : tuple of Limit
        All limits found, in the order they were looked for.
    """

    bytes: int
    source: str
    candidates: tuple[Limit, ...]


@dataclass(frozen=True)
class MemoryBudget:
    """What a run may use; made by :func:`memory_budget`.

    Attributes
    ----------
    bytes : int
        The least limit: what strategies are chosen against. It does not move with the load of the machine.
    source : str
        Which limit it is.
    available : int
        What this process tree could reach right now, never more than `bytes`: where others use much, it is less.
    candidates : tuple of Limit
        All limits found.
    """

    bytes: int
    source: str
    available: int
    candidates: tuple[Limit, ...]


@dataclass(frozen=True)
class CpuLimit:
    """The number of CPUs this process may use, at least 1; made by :func:`cpu_limit`."""

    count: int
    source: str
    candidates: tuple[Limit, ...]


def memory_limit(
    *, root: Path = SYSTEM_ROOT, environ: Mapping[str, str] = os.environ, getrlimit: GetRlimit = resource.getrlimit
) -> MemoryLimit:
    """The least of the limits of control groups, rlimits, the batch system and the machine.

    Parameters
    ----------
    root : Path
        Root of the file system that holds ``proc`` and the control groups (tests give a fake tree).
    environ : mapping
        Environment variables.
    getrlimit : callable
        As :func:`resource.getrlimit`.
    """
    candidates = (
        *(Limit(source, value) for _, source, value in _cgroup_memory(root)),
        *_rlimit_memory(getrlimit),
        *_slurm_memory(environ),
        Limit(PHYSICAL, _meminfo(root, "MemTotal") or psutil.virtual_memory().total),
    )
    least = min(candidates, key=lambda limit: limit.value)
    return MemoryLimit(least.value, least.source, candidates)


def memory_budget(
    max_memory_gb: float | None = None,
    *,
    root: Path = SYSTEM_ROOT,
    environ: Mapping[str, str] = os.environ,
    getrlimit: GetRlimit = resource.getrlimit,
    own_bytes: int | None = None,
) -> MemoryBudget:
    """The memory limit, or `max_memory_gb` (units of 10^9 bytes) where that is less, and what is left of it now.

    Parameters
    ----------
    max_memory_gb : float, optional
        The user's limit.
    own_bytes : int, optional
        What this process tree holds already (default: measured).
    root, environ, getrlimit
        As in :func:`memory_limit`.

    Raises
    ------
    MemoryBudgetError
        If the limit of address space leaves less than this process tree holds already.
    """
    limit = memory_limit(root=root, environ=environ, getrlimit=getrlimit)
    candidates = limit.candidates
    if max_memory_gb is not None:
        candidates = (Limit(OPTION, int(max_memory_gb * GB)), *candidates)
    least = min(candidates, key=lambda candidate: candidate.value)
    own = tree_memory().bytes if own_bytes is None else own_bytes
    if least.source == ADDRESS_SPACE and least.value <= own:
        raise _too_little_address_space(least.value + ADDRESS_SPACE_MARGIN, own)
    available = min(least.value, *(own + headroom for headroom in _headrooms(root)))
    return MemoryBudget(least.value, least.source, available, candidates)


@contextmanager
def named_limit(budget: MemoryBudget) -> Iterator[None]:
    """Within the block an error of the budget says which limit it is, and to raise that, unless the user gave it."""
    try:
        yield
    except MemoryBudgetError as error:
        if budget.source == OPTION:
            raise
        reserved = f", less the {ADDRESS_SPACE_MARGIN / GB:.1f} GB of address space that the libraries reserve"
        limit = f"{budget.source} (ulimit -v){reserved}" if budget.source == ADDRESS_SPACE else budget.source
        action = error.action.replace(f"Raise {OPTION}", _RAISE.get(budget.source, "Raise that limit"))
        raise MemoryBudgetError(error.expected, f"{error.found}. The limit is {limit}", action) from error


def cpu_limit(
    threads: int | None = None,
    *,
    root: Path = SYSTEM_ROOT,
    environ: Mapping[str, str] = os.environ,
    affinity: int | None = None,
) -> CpuLimit:
    """The least of affinity, control group quota (rounded up), environment and the user's `threads`.

    Parameters
    ----------
    threads : int, optional
        The user's limit.
    root, environ
        As in :func:`memory_limit`.
    affinity : int, optional
        Number of CPUs this process may be scheduled on (default: asked from the kernel).
    """
    candidates = [Limit("CPU affinity", len(os.sched_getaffinity(0)) if affinity is None else affinity)]
    candidates += [limit for group in groups("cpu", root=root) if (limit := _quota(group)) is not None]
    for name in ("OMP_NUM_THREADS", "SLURM_CPUS_PER_TASK"):
        if (number := _positive(environ, name)) is not None:
            candidates.append(Limit(name, number))
    if threads is not None:
        candidates.append(Limit("--threads", threads))
    least = min(candidates, key=lambda limit: limit.value)
    return CpuLimit(max(1, least.value), least.source, tuple(candidates))


def cpu_count(threads: int | None = None) -> int:
    """How many threads this process may use; see :func:`cpu_limit`."""
    return cpu_limit(threads).count


def free_disk(path: Path) -> int:
    """Bytes that this user can still write where `path` lies, or would lie if it existed."""
    existing = next(folder for folder in (path.absolute(), *path.absolute().parents) if exists(folder))
    return shutil.disk_usage(existing).free


def apply_address_space_limit(limit: int, *, margin: int = ADDRESS_SPACE_MARGIN) -> int:
    """Bound this process's address space, so that an allocation beyond `limit` fails instead of succeeding.

    The kernel counts address space, not use, so the bound is `limit`, plus what is reserved but not resident now, plus
    `margin`. Children inherit it, each for itself.

    Returns
    -------
    int
        The soft ``RLIMIT_AS`` that was set, in bytes.

    Raises
    ------
    MemoryBudgetError
        If this process holds more than `limit` already.
    """
    held = psutil.Process().memory_info()
    if held.rss >= limit:
        raise MemoryBudgetError(
            f"A hard memory limit needs more than what the process holds at its start, {held.rss / GB:.2f} GB",
            f"Found a limit of {limit / GB:.2f} GB",
            "Raise --max-memory-gb",
        )
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    bound: int = limit + margin + max(0, held.vms - held.rss)
    bound = min([bound, *(old for old in (soft, hard) if old != resource.RLIM_INFINITY)])
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))
    return bound


@contextmanager
def address_space_limit(limit: int) -> Iterator[None]:
    """Within the block, what `apply_address_space_limit` does; then the limit that was there before."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    apply_address_space_limit(limit)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def _cgroup_memory(root: Path) -> Iterator[tuple[Group, str, int]]:
    for group in groups("memory", root=root):
        for file in ("memory.limit_in_bytes",) if group.version == 1 else ("memory.max", "memory.high"):
            value = group.integer(file)
            if value is not None and (group.version == 2 or value < V1_UNLIMITED):
                yield group, f"control group {group.name} ({file})", value


def _headrooms(root: Path) -> Iterator[int]:
    """Bytes left under each control group's limit and in the machine; cached file pages count as free."""
    for group, _, limit in _cgroup_memory(root):
        used = group.integer("memory.usage_in_bytes" if group.version == 1 else "memory.current")
        cached = group.counter("memory.stat", "total_inactive_file" if group.version == 1 else "inactive_file")
        if used is not None:
            yield max(0, limit - used + (cached or 0))
    yield _meminfo(root, "MemAvailable") or psutil.virtual_memory().available


def require_address_space(*, getrlimit: GetRlimit = resource.getrlimit) -> None:
    """See that there is room for the libraries, before one of them is loaded: without it some of them abort.

    Raises
    ------
    MemoryBudgetError
        If ``RLIMIT_AS`` (``ulimit -v``) leaves less than they reserve.
    """
    soft, _ = getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY and soft <= ADDRESS_SPACE_MARGIN:
        raise _too_little_address_space(soft)


def _too_little_address_space(limit: int, own: int = 0) -> MemoryBudgetError:
    """The error where address space is short: the libraries' and `own` bytes that the process holds are needed."""
    held = f", and the process holds {own / GB:.2f} GB at its start" if own else ""
    return MemoryBudgetError(
        f"The libraries reserve {ADDRESS_SPACE_MARGIN / GB:.1f} GB of address space before they use any of it{held}",
        f"Found a limit of {limit / GB:.1f} GB (ulimit -v, RLIMIT_AS)",
        f"Raise it, or bound memory by {OPTION} instead",
    )


def _rlimit_memory(getrlimit: GetRlimit) -> Iterator[Limit]:
    """Memory under each rlimit; of address space, what the libraries reserve without using it is not memory."""
    for name, which in _RLIMITS.items():
        soft, _ = getrlimit(which)
        if soft != resource.RLIM_INFINITY:
            yield Limit(name, max(0, soft - ADDRESS_SPACE_MARGIN) if which == resource.RLIMIT_AS else soft)


def _slurm_memory(environ: Mapping[str, str]) -> Iterator[Limit]:
    if per_node := _slurm_bytes(environ, "SLURM_MEM_PER_NODE"):
        yield Limit("SLURM_MEM_PER_NODE", per_node)
    if per_cpu := _slurm_bytes(environ, "SLURM_MEM_PER_CPU"):
        cpus = _positive(environ, "SLURM_CPUS_ON_NODE") or _positive(environ, "SLURM_CPUS_PER_TASK") or 1
        yield Limit(f"SLURM_MEM_PER_CPU x {cpus}", per_cpu * cpus)


def _slurm_bytes(environ: Mapping[str, str], name: str) -> int:
    """Bytes in a Slurm variable; 0 where it is unset, malformed (logged), or 0, which in Slurm means all memory."""
    text = environ.get(name, "").strip()
    match = _SLURM_SIZE.fullmatch(text)
    if text and not match:
        logger.warning("%s=%r is not a size and is ignored", name, text)
    return int(match[1]) * _SLURM_UNITS[match[2].upper()] if match else 0


def _positive(environ: Mapping[str, str], name: str) -> int | None:
    """A positive number in a variable; the first of a list such as ``OMP_NUM_THREADS=4,2``."""
    text = environ.get(name, "").split(",")[0].strip()
    if text and not (text.isdecimal() and int(text) > 0):
        logger.warning("%s=%r is not a positive number and is ignored", name, environ[name])
        return None
    return int(text) if text else None


def _quota(group: Group) -> Limit | None:
    file = "cpu.cfs_quota_us" if group.version == 1 else "cpu.max"
    if group.version == 1:
        quota, period = group.read(file), group.read("cpu.cfs_period_us")
    else:
        quota, _, period = (group.read(file) or "").strip().partition(" ")
    if not quota or not period or not (quota.strip().isdigit() and period.strip().isdigit()) or int(period) == 0:
        return None
    return Limit(f"control group {group.name} ({file})", max(1, math.ceil(int(quota) / int(period))))


def _meminfo(root: Path, key: str) -> int | None:
    """Bytes behind `key` in ``/proc/meminfo``."""
    match = re.search(rf"^{key}:\s+(\d+) kB", read_text(root / "proc/meminfo") or "", re.MULTILINE)
    return int(match[1]) * 1024 if match else None
