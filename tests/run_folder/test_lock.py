"""One run in a folder, or many units of one."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from meta_models.errors import UsageError
from meta_models.run_folder.lock import LOCK_NAME, FolderLock, shared_lock


def test_units_share_the_lock_and_a_run_does_not(tmp_path: Path) -> None:
    refused = pytest.raises(UsageError, match="another process, or a unit, is running in it")
    with shared_lock(tmp_path), shared_lock(tmp_path), refused:
        FolderLock(tmp_path).acquire()
    lock = FolderLock(tmp_path)
    lock.acquire()
    with pytest.raises(UsageError, match=r"process \d+ on host .* is running in it"), shared_lock(tmp_path):
        pass
    lock.release()
    with shared_lock(tmp_path):
        pass


def test_the_lock_of_a_run_that_ended_meanwhile_is_not_taken_for_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening the file and locking it a run ends, which removes the file."""
    path, flock, left = tmp_path / LOCK_NAME, fcntl.flock, [1]

    def late(descriptor: int, operation: int) -> None:
        if left:
            left.pop()
            path.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr("meta_models.run_folder.lock.fcntl.flock", late)
    with shared_lock(tmp_path):
        monkeypatch.undo()
        with pytest.raises(UsageError):
            FolderLock(tmp_path).acquire()


def test_a_file_system_without_such_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(descriptor: int, operation: int) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("meta_models.run_folder.lock.fcntl.flock", refused)
    with shared_lock(tmp_path):
        pass
    (tmp_path / ".lock-holder.json").write_text('{"pid": 7, "host": "node3"}')
    with pytest.raises(UsageError, match="process 7 on host node3"), shared_lock(tmp_path):
        pass
