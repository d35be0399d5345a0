"""The folder beside an output in which a command keeps its finished parts until the output stands."""

from __future__ import annotations

import errno
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meta_models.run_folder.atomic import remove_temporaries, write_error
from meta_models.run_folder.lock import FolderLock
from meta_models.run_folder.signals import at_hard_stop
from meta_models.run_folder.units import UNITS_FOLDER, UnitStore
from meta_models.wording import counted

logger = logging.getLogger(__name__)


@contextmanager
def parts_folder(out: Path, *, keep: bool) -> Iterator[Path]:
    """The locked folder ``.<name>.parts`` beside `out`; removed when the block is left without an error.

    After an error only finished parts stay.

    Parameters
    ----------
    keep : bool
        Whether the finished parts of an earlier run are kept.

    Raises
    ------
    UsageError
        If another process is writing the same output.
    WriteError
        If the folder cannot be made.
    """
    folder = out.with_name(f".{out.name}.parts")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(error, folder) from error
    lock = FolderLock(folder)
    lock.acquire()
    try:
        for left in remove_temporaries(folder):
            logger.info("Removed %s, left by a command that was killed", left)
        if not keep:
            _drop(UnitStore(folder / UNITS_FOLDER))
        with at_hard_stop(lambda: _leave(folder, lock)):
            yield folder
    except BaseException:
        _keep_units(folder)
        lock.release()
        _remove_empty(folder)
        raise
    _clear(folder)
    lock.release()
    _remove_empty(folder)


def _drop(store: UnitStore) -> None:
    """Remove what an earlier command finished, and say so."""
    if finished := len(store.names()):
        logger.warning(
            "Dropped %s of a command that did not end; --resume keeps such parts",
            counted(finished, "finished part"),
        )
    store.clear()


def _clear(folder: Path) -> None:
    """Remove everything but the lock, which is still held: nobody else's files can be among it."""
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry, ignore_errors=True)


def _leave(folder: Path, lock: FolderLock) -> None:
    """Leave finished parts, or nothing, in a process that is about to end."""
    _keep_units(folder)
    lock.remove_files()
    _remove_empty(folder)


def _keep_units(folder: Path) -> None:
    """Remove all but finished parts (and the lock, which is still held)."""
    for entry in folder.iterdir():
        if entry.is_dir() and (entry.name != UNITS_FOLDER or not UnitStore(entry).names()):
            shutil.rmtree(entry, ignore_errors=True)


def _remove_empty(folder: Path) -> None:
    """Remove the folder, unless it holds something, or another process is there already."""
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
            raise
