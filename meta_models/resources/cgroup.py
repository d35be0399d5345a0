"""Control groups, versions 1 and 2: where this process's groups lie and what their files say.

References
----------
``cgroups(7)``, ``proc_pid_mountinfo(5)``; Linux kernel documentation, *Control Group v2* (``memory.max``,
``memory.high``, ``cpu.max``, ``memory.events``) and *cgroup-v1* (``memory.limit_in_bytes``, ``cpu.cfs_quota_us``,
``memory.oom_control``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

SYSTEM_ROOT = Path("/")

#: From here on a version 1 limit means "none"; the kernel writes 2^63 rounded down to a page.
V1_UNLIMITED = 2**60

_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Group:
    """One control group of this process that can be seen in the file system.

    Attributes
    ----------
    version : int
        1 or 2.
    folder : Path
        Where its files lie.
    name : str
        Its path in the hierarchy, for messages.
    """

    version: int
    folder: Path
    name: str

    def read(self, file: str) -> str | None:
        """The content of one of its files; None where the group has no such file or it may not be read."""
        return read_text(self.folder / file)

    def integer(self, file: str) -> int | None:
        """The content of `file` as a number; None where there is none (``max``, ``-1``)."""
        text = self.read(file)
        return int(text) if text is not None and text.strip().isdigit() else None

    def counter(self, file: str, key: str) -> int | None:
        """The number behind `key` in a file of lines ``key number``."""
        for line in (self.read(file) or "").splitlines():
            name, _, value = line.partition(" ")
            if name == key and value.strip().isdigit():
                return int(value)
        return None


@dataclass(frozen=True)
class _Mount:
    version: int
    controllers: frozenset[str]
    root: PurePosixPath
    point: Path


def read_text(path: Path) -> str | None:
    """The text of a kernel file; None where it is missing or unreadable."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def groups(controller: str, *, root: Path = SYSTEM_ROOT) -> tuple[Group, ...]:
    """The control groups that bind this process, its own first, then each parent up to the mount's root.

    Version 1 groups of `controller` come before version 2 groups; on a hybrid system both are listed, and a group that
    lacks the controller has no files for it.

    Parameters
    ----------
    controller : str
        ``"memory"`` or ``"cpu"``.
    root : Path
        Root of the file system that holds ``proc`` and the mount points (tests give a fake tree).
    """
    mounts = tuple(_mounts(root))
    found: list[Group] = []
    for version, path in sorted(_memberships(controller, root)):
        matching = [m for m in mounts if m.version == version and (version == 2 or controller in m.controllers)]
        found += _walk(version, path, matching)
    return tuple(found)


def oom_kill_count(*, root: Path = SYSTEM_ROOT) -> int | None:
    """How many processes of this process's control group the kernel has killed for want of memory, so far.

    Two readings, before and after a child died by SIGKILL, tell an out-of-memory kill from any other. Reads
    ``memory.oom_control`` (version 1, Linux 4.13 or later) or ``memory.events`` (version 2) of the own group, else the
    machine's count in ``/proc/vmstat``. None where no count can be read.
    """
    for group in groups("memory", root=root):
        file = "memory.oom_control" if group.version == 1 else "memory.events"
        if (count := group.counter(file, "oom_kill")) is not None:
            return count
    return Group(0, root / "proc", "machine").counter("vmstat", "oom_kill")


def _memberships(controller: str, root: Path) -> Iterator[tuple[int, str]]:
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        hierarchy, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if hierarchy == "0" and not controllers:
            yield 2, path
        elif controller in controllers.split(","):
            yield 1, path


def _mounts(root: Path) -> Iterator[_Mount]:
    for line in (read_text(root / "proc/self/mountinfo") or "").splitlines():
        left, separator, right = line.partition(" - ")
        fields, kind = left.split(" "), right.split(" ")
        if not separator or len(fields) < 5 or kind[0] not in {"cgroup", "cgroup2"}:
            continue
        version = 2 if kind[0] == "cgroup2" else 1
        options = frozenset(kind[2].split(",")) if len(kind) > 2 else frozenset()
        point = root / _unescape(fields[4]).lstrip("/")
        yield _Mount(version, options, PurePosixPath(_unescape(fields[3])), point)


def _unescape(field: str) -> str:
    return _OCTAL.sub(lambda match: chr(int(match[1], 8)), field)


def _walk(version: int, path: str, mounts: list[_Mount]) -> list[Group]:
    """From the group at `path` up to the top of the mount that reaches highest.

    A container without a namespace of its own sees its group under a mount whose root is that group; with one, a path
    may lie outside every mount (``/../x``): then the mount point is the only group that can be seen.
    """
    own = PurePosixPath(path)
    inside = sorted((m for m in mounts if own.is_relative_to(m.root)), key=lambda m: len(m.root.parts))
    if inside and ".." not in own.parts:
        mount, below = inside[0], own.relative_to(inside[0].root)
    elif mounts:
        mount, below = mounts[0], PurePosixPath()
    else:
        return []
    levels = [below, *below.parents] if below.parts else [below]
    return [Group(version, mount.point / level, str(mount.root / level)) for level in levels]
