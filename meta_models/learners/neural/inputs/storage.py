"""Where tracks lie: in memory, or in files that are read piece by piece, so that their pages are nobody's memory."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

Kind = TypeVar("Kind", bound=np.generic)


class Track(ABC, Generic[Kind]):
    """Rows of `width` values that are appended first, and read afterwards."""

    def __init__(self, width: int, kind: type[Kind]) -> None:
        self.width, self.dtype = width, np.dtype(kind)

    @abstractmethod
    def append(self, rows: NDArray[Any]) -> None:
        """Add rows (n, width)."""

    @abstractmethod
    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Rows (stop - start, width)."""

    def finish(self) -> None:
        """No more rows."""


class MemoryTrack(Track[Kind]):
    """In memory."""

    def __init__(self, rows: int, width: int, kind: type[Kind]) -> None:
        super().__init__(width, kind)
        self._values = np.empty((rows, width), self.dtype)
        self._filled = 0

    def append(self, rows: NDArray[Any]) -> None:
        """Copy them in."""
        self._values[self._filled : self._filled + len(rows)] = rows
        self._filled += len(rows)

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """A view."""
        return self._values[start:stop]


class FileTrack(Track[Kind]):
    """In a file, which is closed with the last reference."""

    def __init__(self, path: Path, width: int, kind: type[Kind]) -> None:
        super().__init__(width, kind)
        self._file = path.open("w+b")

    def append(self, rows: NDArray[Any]) -> None:
        """Write them."""
        self._file.write(np.ascontiguousarray(rows, self.dtype).tobytes())

    def finish(self) -> None:
        """Have all of it in the file."""
        self._file.flush()

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Read them; several processes and threads may at once."""
        size = self.width * self.dtype.itemsize
        found = os.pread(self._file.fileno(), (stop - start) * size, start * size)
        return np.frombuffer(found, self.dtype).reshape(stop - start, self.width)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
