"""Files that are either whole or absent: written to a temporary name beside the target, flushed to disk, renamed."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from polars.exceptions import PolarsError

from meta_models.errors import InputError, WriteError
from meta_models.resources import free_disk
from meta_models.run_folder.signals import at_hard_stop

logger = logging.getLogger(__name__)

_TEMPORARY = re.compile(r"\.tmp-\d+-[0-9a-f]{8}-.+", re.DOTALL)

#: Errors of a full, read-only or limited file system: they are about writing, whatever file they name.
_STORAGE_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS})

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

#: Native libraries put the number of the error into the text only.
_ERRNO_IN_TEXT = re.compile(r"\[Errno (\d+)\]|\(os error (\d+)\)|errno:? (\d+)")

#: numpy says only how much it wrote.
_SHORT_WRITE = re.compile(r"\d+ requested and \d+ written")


def temporary_for(path: Path) -> Path:
    """A new temporary name in the folder of `path`: ``.tmp-<pid>-<random>-<name>``, so that leftovers are known.

    Of a long name only the end is kept, within the 255 bytes of a file name; it keeps its suffix.
    """
    return path.with_name(f".tmp-{os.getpid()}-{secrets.token_hex(4)}-{path.name[-40:]}")


@contextmanager
def atomic_path(path: Path, *, need: int | None = None) -> Iterator[Path]:
    """Yield a temporary path to write to; afterwards it is flushed to disk and renamed to `path`.

    A folder may be made there, too, and replaces a folder; its files are for the caller to flush.

    On any error, interrupts included, the temporary is removed and what stood at `path` before is untouched.

    Parameters
    ----------
    path : Path
        Target. Its folder must exist.
    need : int, optional
        Bytes that will be written, for the message of a full disk.

    Raises
    ------
    WriteError
        If the file system refuses (full, over quota, read-only, not permitted, ...).
    """
    temporary = temporary_for(path)
    try:
        with at_hard_stop(lambda: _remove(temporary)):
            yield temporary
        flush(temporary)
        if temporary.is_dir():
            _replace_folder(temporary, path)
        else:
            temporary.replace(path)
        flush(path.parent)
    except (OSError, PolarsError) as error:
        if not _is_about_writing(error, {temporary, path, path.parent}):
            raise
        raise write_error(error, path, need if need is not None else _size(temporary)) from error
    finally:
        _remove(temporary)


def atomic_write(path: Path, data: bytes) -> None:
    """Write `data` to `path` as :func:`atomic_path` does.

    Raises
    ------
    WriteError
        If the file system refuses.
    """
    with atomic_path(path, need=len(data)) as temporary:
        temporary.write_bytes(data)


def set_aside(folder: Path) -> None:
    """Remove a folder as a whole: others see all of it or nothing, also those that remove or replace it meanwhile.

    Raises
    ------
    OSError
        If the file system refuses.
    """
    aside = temporary_for(folder)
    try:
        folder.rename(aside)
    except FileNotFoundError:
        return
    shutil.rmtree(aside)


def _replace_folder(temporary: Path, path: Path) -> None:
    """Put a folder in the place of another one; of several processes that do so the last one has it."""
    while True:
        try:
            temporary.rename(path)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        else:
            return
        set_aside(path)


def require_space(path: Path, need: int) -> None:
    """Check before a long step that `need` bytes can be written where `path` lies.

    Raises
    ------
    WriteError
        If less is free.
    """
    if (free := free_disk(path)) < need:
        raise WriteError(
            f"Writing to {path} needs {need:,} bytes",
            f"Found {free:,} bytes free",
            "Free space or choose another folder",
        )


def remove_temporaries(folder: Path) -> list[Path]:
    """Remove what dead writers left anywhere below `folder`; only names of :func:`temporary_for` are touched.

    Call it while no writer is alive: with the folder's lock held. What it removes is for the caller to tell: at a hard
    stop the lock of logging may be with a thread that never gives it back.
    """
    found = []
    for here, folders, files in os.walk(folder):
        names = [name for name in (*folders, *files) if is_temporary(name)]
        folders[:] = [name for name in folders if name not in names]
        found += [Path(here) / name for name in names]
    for path in found:
        _remove(path)
    return found


def is_temporary(name: str) -> bool:
    """Whether a file or folder name is one of :func:`temporary_for`."""
    return _TEMPORARY.fullmatch(name) is not None


def hash_file(path: Path) -> str:
    """SHA-256 of an input file, as 64 hexadecimal digits.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"The file {path} must be readable", f"Found: {error.strerror or error}") from error


def sha256_of(path: Path) -> str:
    """SHA-256 of a file; raises OSError where it cannot be read."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_error(error: OSError | PolarsError, path: Path, need: int | None = None) -> WriteError:
    """The error that tells a user why `path` was not written, how much was needed and how much is free."""
    number = _errno(error)
    reason = os.strerror(number) if number else str(error)
    size = f"; at least {need:,} bytes are needed" if need else ""
    try:
        size += f", {free_disk(path):,} bytes are free" if need or number in _FULL else ""
    except OSError:
        logger.debug("The free space at %s cannot be read", path)
    action = "Free space there or choose another output" if number in _STORAGE_ERRORS else "Choose another output"
    return WriteError(f"The file {path} must be writable", f"Found: {reason}{size}", action)


def flush(path: Path) -> None:
    """Bring a file or a folder's entries to disk (``fsync``)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _is_about_writing(error: OSError | PolarsError, ours: set[Path]) -> bool:
    """Whether an error inside the block came from writing our file, and not from reading another one."""
    if _errno(error) in _STORAGE_ERRORS or _SHORT_WRITE.search(str(error)):
        return True
    files = (getattr(error, "filename", None), getattr(error, "filename2", None))
    named = {Path(os.fsdecode(file)) for file in files if isinstance(file, str | bytes)}
    return bool(named & ours) or any(is_temporary(path.name) and str(path) in str(error) for path in ours)


def _errno(error: OSError | PolarsError) -> int | None:
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    match = _ERRNO_IN_TEXT.search(str(error))
    return int(next(group for group in match.groups() if group)) if match else None


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _remove(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("The temporary %s cannot be removed: %s", path, error)
