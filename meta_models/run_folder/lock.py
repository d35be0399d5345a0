"""One run at a time in a folder: a lock of the kernel, which a killed process gives up by itself."""

from __future__ import annotations

import json
import logging
import os
import socket
from pathlib import Path

from filelock import FileLock, Timeout

from meta_models.errors import UsageError
from meta_models.run_folder.atomic import write_error

logger = logging.getLogger(__name__)

LOCK_NAME = ".lock"
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
            raise UsageError(
                f"The run folder {self._folder} must not be in use",
                f"Found that {_holder(self._folder)} is running in it",
                "Wait until it ends, or choose another --out-dir",
            ) from None
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


def _holder(folder: Path) -> str:
    try:
        holder = json.loads((folder / HOLDER_NAME).read_text(encoding="utf-8"))
        return f"process {int(holder['pid'])} on host {holder['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
