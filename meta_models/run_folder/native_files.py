"""Files for native libraries, which else would interpret their names.

Given a name, pyarrow takes ``chr1:1-2000.parquet`` for an address, and polars ``~`` for the home folder and ``*`` for a
pattern; neither takes a name that is no UTF-8. Given an open file, they have nothing to interpret.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

_PLAIN = re.compile(r"[\w /.+,=@-]*")


@contextmanager
def open_native(path: Path, mode: str) -> Iterator[pa.NativeFile]:
    """The file at `path` for pyarrow, to be read (``"rb"``) or written (``"wb"``)."""
    with pa.OSFile(os.fsencode(path), mode) as file:
        yield file


@contextmanager
def open_parquet(path: Path, **options: Any) -> Iterator[pq.ParquetFile]:
    """The Parquet file at `path`, with options of ``pyarrow.parquet.ParquetFile``."""
    with open_native(path, "rb") as source, pq.ParquetFile(source, **options) as file:
        yield file


def read_frame(path: Path) -> pl.DataFrame:
    """All of the Parquet file at `path`."""
    with path.open("rb") as file:
        return pl.read_parquet(file)


@contextmanager
def scan_frames(paths: Sequence[Path]) -> Iterator[pl.LazyFrame]:
    """The Parquet files at `paths`, of one schema, one after another, to be collected within the block."""
    with ExitStack() as stack:
        files: list[IO[bytes]] = [stack.enter_context(path.open("rb")) for path in paths]
        yield pl.scan_parquet(files, glob=False, hive_partitioning=False)


@contextmanager
def plain_name(path: Path) -> Iterator[str]:
    """An absolute and plain name for `path`, for libraries that take nothing but names; through a link where needed."""
    absolute = path.absolute()
    if _is_plain(str(absolute)):
        yield str(absolute)
        return
    with tempfile.TemporaryDirectory(prefix="meta-models-") as folder:
        link, name = Path(folder) / "link", path.name
        if _is_plain(name):  # what is not there yet can be made under this name
            link.symlink_to(absolute.parent, target_is_directory=True)
            yield str(link / name)
        else:
            link.symlink_to(absolute)
            yield str(link)


def _is_plain(name: str) -> bool:
    """Whether no library finds anything in a name: XGBoost splits at ``:``; bytes that are no UTF-8 are surrogates."""
    return _PLAIN.fullmatch(name) is not None
