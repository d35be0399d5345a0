"""Tables on this machine."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import polars as pl
import pyarrow as pa

from meta_models.errors import InputError
from meta_models.places.place import CONTENT, Form, Place, Stretch
from meta_models.run_folder.atomic import hash_file
from meta_models.run_folder.native_files import open_native, scan_frames


class FilePlace(Place):
    """A file or a folder of this machine."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def on_disk(self) -> Path:
        """The path."""
        return self._path

    def form(self) -> Form:
        """A file, a folder, or something special such as a pipe."""
        try:
            mode = self._path.stat().st_mode
        except (OSError, ValueError) as error:
            missing = f"Found nothing readable there ({error})"
            raise InputError(f"The table {str(self._path)!r} must exist", missing, "Check the path") from None
        return Form.FILE if stat.S_ISREG(mode) else Form.FOLDER if stat.S_ISDIR(mode) else Form.SPECIAL

    def tree(self) -> Iterator[tuple[Path, list[str], list[str]]]:
        """As ``os.walk``, through links, but no folder twice."""
        seen: set[tuple[int, int]] = set()
        for root, folders, names in os.walk(self._path, followlinks=True, onerror=_refuse_folder):
            info = Path(root).stat()
            if (info.st_dev, info.st_ino) in seen:
                folders.clear()
                continue
            seen.add((info.st_dev, info.st_ino))
            yield Path(root), folders, names

    def plain(self, name: str) -> bool:
        """No pipe, socket, device, or link to nowhere."""
        return (self._path / name).is_file()

    def identity(self) -> tuple[int, int]:
        """Device and inode: links have those of what they lead to."""
        info = self._stat()
        return info.st_dev, info.st_ino

    def size(self) -> int:
        """Size in bytes."""
        return self._stat().st_size

    def stamp(self) -> str:
        """Size, and the time of the last change in ns."""
        info = self._stat()
        return f"{info.st_size} bytes, {info.st_mtime_ns} ns"

    def digest(self, of: str | None = None) -> tuple[str, str]:
        """Of the content."""
        if of not in (None, CONTENT):
            raise InputError(
                f"{self._path} must have the {of} that was written down of an object",
                "Found a file on this machine, which has none",
                "Give the address of the objects",
            )
        return hash_file(self._path), CONTENT

    def open(self) -> AbstractContextManager[pa.NativeFile]:
        """The file, whatever its name looks like."""
        return open_native(self._path, "rb")

    def frames(
        self, stretches: Sequence[Stretch], columns: Sequence[str],
        plan: Callable[[pl.LazyFrame], pl.LazyFrame], chunk_rows: int,
    ) -> Iterator[pl.DataFrame]:  # fmt: skip
        """One scan of all; polars finds the columns by itself."""
        del columns
        with scan_frames([Path(str(stretch.path)) for stretch in stretches]) as whole:
            rows = whole.slice(stretches[0].offset, sum(stretch.rows for stretch in stretches))
            yield from plan(rows).collect_batches(chunk_size=chunk_rows, maintain_order=True)

    def here(self, folder: Path) -> AbstractContextManager[Path]:
        """The file itself."""
        del folder
        return nullcontext(self._path)

    def fault(self, detail: str) -> InputError:
        """The file is damaged, or is something else."""
        return InputError(
            f"The table file {str(self._path)!r} must be readable", f"Reading it failed: {detail}", "Write it anew"
        )

    def _stat(self) -> os.stat_result:
        try:
            return self._path.stat()
        except OSError as error:
            raise InputError(f"The file {self._path} must be readable", f"Found: {error.strerror or error}") from error


def _refuse_folder(error: OSError) -> None:
    raise InputError("Every folder of the table must be readable", str(error))
