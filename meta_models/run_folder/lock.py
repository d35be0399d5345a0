"""One run at a time in a folder, or many units of one: a lock of the kernel, which a killed process gives up."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from meta_models.errors import UsageError
from meta_models.run_folder.atomic import LOCK_NAME, write_error

logger = logging.getLogger(__name__)

HOLDER_NAME = ".lock-holder.json"


class FolderLock:
    """The lock of one folder, taken at once or not at all.

    ``.lock-holder.json`` beside it names pid and host for the message to a second run. Both files are removed at a
    clean end, while the lock is still held; files that a killed run left are taken over. Where the file system has no
    locks, ``filelock`` falls back to the existence of the file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = FileLock(folder / LOCK_NAME, timeout=0)

    def acquire(self) -> None:
        """Take it.

        Raises
        ------
        UsageError
            If another run holds it.
        WriteError
            If the folder is not writable.
        """
        try:
            self._lock.acquire()
        except Timeout:
            raise _in_use(self._folder) from None
        except OSError as error:
            raise write_error(error, self._folder) from error
        holder = {"pid": os.getpid(), "host": socket.gethostname()}
        try:
            (self._folder / HOLDER_NAME).write_text(json.dumps(holder), encoding="utf-8")
        except OSError as error:
            self.release()
            raise write_error(error, self._folder / HOLDER_NAME) from error

    def release(self) -> None:
        """Remove the lock's files and give it up."""
        self.remove_files()
        self._lock.release()

    def remove_files(self) -> None:
        """Remove the lock's files while it is held, by a process that is about to end."""
        for name in (HOLDER_NAME, LOCK_NAME):
            try:
                (self._folder / name).unlink(missing_ok=True)
            except OSError as error:
                logger.warning("%s cannot be removed: %s", self._folder / name, error)


@contextmanager
def shared_lock(folder: Path) -> Iterator[None]:
    """Within the block no run begins in `folder`, while others may hold the same: units of a run work side by side.

    Where the file system has no such locks, a unit is kept out of a folder in which a run is at work, but not a run out
    of one with units: it may take away what they are writing, and they fail and can be done again.

    Raises
    ------
    UsageError
        If a run is at work in it.
    WriteError
        If the lock cannot be made.
    """
    descriptor = _hold_shared(folder)
    try:
        yield
    finally:
        os.close(descriptor)


def _hold_shared(folder: Path) -> int:
    """The descriptor of the folder's lock, held with others; not of one that a run removed at its end meanwhile."""
    path = folder / LOCK_NAME
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise write_error(error, path) from error
        if _locked(descriptor, folder) and _is_at(descriptor, path):
            return descriptor
        os.close(descriptor)


def _locked(descriptor: int, folder: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        held = error.errno in (errno.EAGAIN, errno.EACCES)
        if held or (folder / HOLDER_NAME).exists():
            os.close(descriptor)
            raise _in_use(folder) from None
        logger.warning("%s has no locks that are shared (%s)", folder, error.strerror)
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _in_use(folder: Path) -> UsageError:
    return UsageError(
        f"The run folder {folder} must not be in use",
        f"Found that {_holder(folder)} is running in it",
        "Wait until it ends, or choose another --out-dir",
    )


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER_NAME).read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} on host {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process, or a unit,"
