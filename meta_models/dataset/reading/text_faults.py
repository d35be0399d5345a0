"""Faults of a text table, told by its lines: before the reader of tables stumbles over it, and in the user's terms."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import polars as pl

from meta_models.errors import InputError
from meta_models.local_paths import other_encoding

_GZIP = b"\x1f\x8b"
_START = 4096
_HEADER = 1 << 20  # bytes in which the first line of any table ends


def require_text(path: Path) -> None:
    """See that the file holds text in UTF-8, and begins with the names of its columns.

    Raises
    ------
    InputError
        If it is something else under the name of text, has comments, or no header.
    """
    with lines_of(path) as file:
        start = file.read(_START)
        ends = (start + file.read(_HEADER - _START)).partition(b"\n")[0].removesuffix(b"\r")
    if (found := other_encoding(start)) is not None:
        raise InputError(f"{str(path)!r} must be text in UTF-8", f"Found {found}", "Save it as CSV in UTF-8")
    if b"\r" in ends:  # to the reader of tables all of the file would be names of columns
        raise InputError(
            f"Lines of {str(path)!r} must end in a line feed, with or without a carriage return before it",
            "Found a carriage return alone, as of old Macintosh programs",
            "Save it with the line ends of Unix or Windows",
        )
    lines = start.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines[0].startswith(b"#") and _columns(lines[0]) < max(map(_columns, lines)):
        raise InputError(
            f"The first line of {str(path)!r} must be the names of the columns",
            f"Found a comment, {lines[0][:60].decode(errors='replace').strip()!r}",
            "Remove the lines that begin with '#'",
        )
    if not lines[0].strip():
        raise InputError(
            f"The first line of {str(path)!r} must be the names of the columns", "It is empty", "Remove it"
        )


@dataclass(frozen=True)
class Lines:
    """What the lines of a text table show; made by `look_through`.

    Attributes
    ----------
    blank : int
        Empty lines: the last one, as editors leave it, or any other.
    comment : tuple of int and str, or None
        Number, from 1, and text of the first line that begins with ``#``.
    filled : int
        Other lines, the header among them.
    """

    blank: int
    comment: tuple[int, str] | None
    filled: int


def look_through(path: Path) -> Lines:
    """Look at every line of the file."""
    blank, comment, number = 0, None, 0
    with lines_of(path) as file:
        for number, line in enumerate(file, 1):
            if not line.strip(b"\r\n"):
                blank += 1
            elif comment is None and line.startswith(b"#"):
                comment = number, line[:60].decode(errors="replace").strip()
    return Lines(blank, comment, number - blank)


def without_blank_lines(scan: pl.LazyFrame, lines: Lines) -> pl.LazyFrame:
    """`scan` without the rows that the reader makes of empty lines; other rows without a value stay, to be refused."""
    empty = pl.all_horizontal(pl.all().is_null())
    if not lines.blank or scan.select(empty.sum()).collect().item() > lines.blank:
        return scan
    return scan.filter(~empty)


def _columns(line: bytes) -> int:
    return 1 + max(line.count(b"\t"), line.count(b","))


@contextmanager
def lines_of(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of the file, unpacked where it is gzip."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.open(file) as unpacked:
            yield cast("IO[bytes]", unpacked)
