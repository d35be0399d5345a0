"""What a user may name as a file or a folder: a path on this machine, taken letter by letter."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator

#: How the addresses of object stores and of the web begin; a `Path` has lost one of the two strokes.
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:s3a?|gs|gcs|az|azure|adl|abfss?|hdfs|hf|file|ftp|https?):/)", re.ASCII
)

#: The address of a table in an object store: bucket, and key or prefix.
OBJECT_ADDRESS = re.compile(r"(s3|gs)://([^/]+)(?:/+(.*))?", re.ASCII | re.DOTALL)

#: What the first bytes of a file say.
_MARKS = (
    (b"\xff\xfe", "UTF-16"), (b"\xfe\xff", "UTF-16"), (b"PK\3\4", "a zip archive or a workbook"),
    (b"PAR1", "Parquet"), (b"\x1f\x8b", "gzip"), (b"BZh", "bzip2"), (b"\x28\xb5\x2f\xfd", "zstandard"),
    (b"\xfd7zXZ", "xz"),
)  # fmt: skip


class SmallFile(Protocol):
    """What can be read whole."""

    def read_bytes(self) -> bytes:
        """All of it."""


#: Longest name of a file or folder, and longest path, in bytes: of Linux (``NAME_MAX``, ``PATH_MAX``).
_LONGEST_NAME, _LONGEST_PATH = 255, 4095


def exists(path: str | os.PathLike[str]) -> bool:
    """Whether there is something at `path`.

    False, too, where that cannot be told: below a folder that may not be entered, or where the name is too long.
    `pathlib` raises there; whoever then opens the file, or makes it, learns the reason, and can say it.
    """
    return os.path.exists(path)  # noqa: PTH110


def is_taken(path: str | os.PathLike[str]) -> bool:
    """Whether the name `path` is in use, be it by a link that leads nowhere."""
    return os.path.lexists(path)


def is_folder(path: str | os.PathLike[str]) -> bool:
    """Whether `path` leads to a folder; False where that cannot be told, as of `exists`."""
    return os.path.isdir(path)  # noqa: PTH112


def is_file(path: str | os.PathLike[str]) -> bool:
    """Whether `path` leads to a file; False where that cannot be told, as of `exists`."""
    return os.path.isfile(path)  # noqa: PTH113


def real(path: str | os.PathLike[str]) -> Path:
    """`path` with all links followed as far as they lead; `Path.resolve` raises where links go in circles."""
    return Path(os.path.realpath(path))


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is the address of an object store or of the web (``s3://bucket/table.parquet``)."""
    return _ADDRESS.match(os.fspath(path)) is not None


def printable(name: str) -> str:
    """`name` as it can be written in UTF-8: bytes of a file name that are no UTF-8 are shown as escapes."""
    return name.encode(errors="backslashreplace").decode()


def read_utf8(path: SmallFile) -> str:
    """The text of a small file in UTF-8, without the byte order mark that some editors put first.

    Raises
    ------
    OSError
        If it cannot be read.
    UnicodeError
        If it is no UTF-8, in words.
    """
    data = path.read_bytes()
    if (encoding := other_encoding(data)) is not None:
        raise UnicodeError(f"it is {encoding}, not text in UTF-8: save it as UTF-8")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnicodeError(f"line {line} holds a character that is no UTF-8: save it as UTF-8") from None


def other_encoding(start: bytes) -> str | None:
    """What a file that begins with the bytes `start` is where it is not text in UTF-8; None where nothing shows."""
    return next((what for mark, what in _MARKS if start.startswith(mark)), "binary" if b"\0" in start else None)


def _local(value: Any) -> Any:
    """Refuse what is an address; all else is for the type of the field."""
    if not isinstance(value, str | Path):
        return value
    if is_address(value):
        raise ValueError("must be a path on this machine: s3:// and gs:// are for tables that are read")
    if "\0" in str(value) or not str(value):
        raise ValueError("must name a file or a folder")
    if len(os.fsencode(value)) > _LONGEST_PATH or any(
        len(os.fsencode(name)) > _LONGEST_NAME for name in Path(value).parts
    ):
        raise ValueError(f"must be a path of names of at most {_LONGEST_NAME} bytes, {_LONGEST_PATH} together")
    return value


def _table(value: Any) -> Any:
    """Refuse what is an address of anything but an object store."""
    if isinstance(value, str | Path) and is_address(value) and not OBJECT_ADDRESS.match(str(value)):
        raise ValueError("must be a path on this machine, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
    return value if isinstance(value, str) and is_address(value) else _local(value)


#: Fields of a configuration that name files and folders. ``~`` and ``$HOME`` are for the shell: here they are letters.
LocalPath = Annotated[Path, BeforeValidator(_local)]
LocalName = Annotated[str, BeforeValidator(_local)]
#: Fields that name a table, which may also lie in an object store.
TableName = Annotated[str, BeforeValidator(_table)]
