"""Reading one bigWig file, by pyBigWig."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.errors import InputError, UsageError
from meta_models.run_folder.native_files import plain_name

_MAGIC = (b"\x26\xfc\x8f\x88", b"\x88\x8f\xfc\x26")


class BigWigFile:
    """Values of a bigWig file.

    Parameters
    ----------
    path : Path
        The file. A value of NaN in it is the same as none.

    Attributes
    ----------
    lengths : dict of str to int
        Contigs that its header names.

    Raises
    ------
    UsageError
        If pyBigWig is not installed.
    InputError
        If it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open: tuple[int, Any] | None = None
        self._filled: dict[str, bool] = {}
        self.lengths: dict[str, int] = dict(self._file().chroms() or {})

    def values(self, contig: str, start: int, end: int) -> NDArray[np.float32]:
        """Values of ``[start, end)``, 0-based; NaN where there are none, and beyond the ends of the contig."""
        values = np.full(end - start, np.nan, np.float32)
        first, last = max(start, 0), min(end, self.lengths.get(contig, 0))
        if first < last:
            values[first - start : last - start] = self._inside(contig, first, last)
        return values

    def has_values(self, contig: str) -> bool:
        """Whether there is any value on a contig."""
        if contig not in self._filled:
            found = self._file().stats(contig, type="max") if contig in self.lengths else [None]
            self._filled[contig] = found[0] is not None and not np.isnan(found[0])
        return self._filled[contig]

    def close(self) -> None:
        """Close the file."""
        if self._open is not None and self._open[0] == os.getpid():
            self._open[1].close()
        self._open = None

    def _inside(self, contig: str, start: int, end: int) -> NDArray[np.float32]:
        try:
            return np.asarray(self._file().values(contig, start, end, numpy=True), np.float32)
        except RuntimeError as error:
            raise InputError(
                f"{self.path} must be readable as bigWig", f"Found at {contig}:{start + 1:,}-{end:,}: {error}"
            ) from error

    def _file(self) -> Any:
        """The open file of this process: a forked child must not share the place where its parent reads."""
        if self._open is None or self._open[0] != os.getpid():
            self._open = os.getpid(), _opened(self.path)
        return self._open[1]


def _opened(path: Path) -> Any:
    try:
        library = import_module("pyBigWig")
    except ImportError as error:
        raise UsageError("bigWig needs pyBigWig", "It is not installed", "Run pip install '.[genomics]'") from error
    try:
        with path.open("rb") as file:
            magic = file.read(4)
        if magic not in _MAGIC:
            raise InputError(f"{path} must be a bigWig file", f"Found {magic!r} at its beginning")
        with plain_name(path) as name:
            return library.open(name)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path} must be readable as bigWig", f"Found: {error}") from error
