"""Lines of the text files that people have: plain or gzip, with comments, empty lines, CRLF or a byte order mark."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from meta_models.errors import InputError

GZIP_MAGIC = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"
#: Longer "lines" are those of a binary file.
MAX_LINE = 2**24
_SHOWN = 80


class TextLines:
    """The lines of a text file that hold data, with their numbers.

    Every line of the file is counted in one of three ways, so that a caller can show that none was lost:
    ``total == comments + blank + data``.

    Parameters
    ----------
    path : Path
        Plain or gzip (told by its first bytes, not by its name).

    Attributes
    ----------
    total, comments, blank, data : int
        Lines read so far; comments start with ``#``, blank ones hold white space only.
    last_comment : str
        The last comment before the first line of data: some tables write the names of their columns so.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.total = self.comments = self.blank = self.data = 0
        self.last_comment = ""

    def __iter__(self) -> Iterator[tuple[int, str]]:
        """Number (from 1) and text of each line of data, without its end.

        Raises
        ------
        InputError
            If the file cannot be read or unpacked, is not UTF-8, or has a line of over 16 MiB.
        """
        try:
            with open_bytes(self.path) as file:
                yield from self._lines(file)
        except (OSError, EOFError, zlib.error) as error:
            raise self._unreadable(error) from error

    def error(self, number: int, expected: str, found: str, action: str = "") -> InputError:
        """The error for line `number`: what it must hold, and what it holds."""
        return InputError(f"{self.path}, line {number:,}: expected {expected}", f"Found: {shown(found)}", action)

    def _unreadable(self, error: Exception) -> InputError:
        if isinstance(error, FileNotFoundError):
            return InputError(f"The file {self.path} must be readable", "It does not exist", "Correct the path")
        where = f"after line {self.total:,} or some lines later" if self.total else "at or near its start"
        damaged = isinstance(error, EOFError | zlib.error | gzip.BadGzipFile)
        action = "The file is cut short or damaged: `gzip -t` says so, too; copy it again" if damaged else ""
        return InputError(f"The file {self.path} must be readable to its end", f"Found {where}: {error}", action)

    def _lines(self, file: BinaryIO) -> Iterator[tuple[int, str]]:
        while raw := file.readline(MAX_LINE):
            self.total += 1
            text = self._text(raw)
            if not text.strip():
                self.blank += 1
            elif text.startswith("#"):
                self.comments += 1
                self.last_comment = self.last_comment if self.data else text
            else:
                self.data += 1
                yield self.total, text

    def _text(self, raw: bytes) -> str:
        if len(raw) == MAX_LINE:
            raise self.error(self.total, "a line of text", f"{MAX_LINE:,} bytes without an end", "Is this a text file?")
        raw = raw[len(_BOM) :] if self.total == 1 and raw.startswith(_BOM) else raw
        try:
            return raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            action = "Is this a text file? Save it as UTF-8"
            raise self.error(
                self.total, "UTF-8 text", raw[:_SHOWN].decode("utf-8", "backslashreplace"), action
            ) from error


def open_bytes(path: Path) -> BinaryIO:
    """The content of a file, unpacked where it is gzip.

    Raises
    ------
    OSError
        If it cannot be opened.
    """
    file = path.open("rb")
    packed = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    file.seek(0)
    if not packed:
        return file
    return cast(BinaryIO, io.BufferedReader(_Unpacked(file), 2**20))


class _Unpacked(gzip.GzipFile):
    """An unpacked stream that closes the packed file, too."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(fileobj=file, mode="rb")
        self._packed = file

    def close(self) -> None:
        """Close the packed file, too."""
        super().close()
        self._packed.close()


def shown(text: str) -> str:
    """`text` as it may stand in a message: quoted, at most 80 characters."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "...")


def whole_number(text: str) -> int | None:
    """A whole number of at most 18 digits, or None: no sign, no underscore."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None


def decimal_number(text: str) -> float | None:
    """A number as programs write it (``nan`` and ``inf`` are numbers, too), or None: no underscore."""
    try:
        return float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        return None
