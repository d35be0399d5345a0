"""What can be done with a path that a table comes from, wherever it leads."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, TypeAlias

import polars as pl
import pyarrow as pa

from meta_models.errors import InputError
from meta_models.places.object_path import ObjectPath

TablePath: TypeAlias = Path | ObjectPath

#: What a digest is of where nothing else is said: all bytes of the file.
CONTENT = "content"


class Form(StrEnum):
    """What a path leads to."""

    FILE = "file"
    FOLDER = "folder"
    SPECIAL = "special file"


@dataclass(frozen=True)
class Stretch:
    """Consecutive rows of one Parquet file.

    Attributes
    ----------
    offset, rows : int
        First row within the file, and how many.
    """

    path: TablePath
    offset: int
    rows: int


class Place(ABC):
    """A file or a folder that a table, or a part of it, comes from.

    All methods raise :class:`~meta_models.errors.InputError` where what is asked for cannot be had, except that what is
    read from the streams of `open` and the frames of `frames` may raise OSError; `fault` tells what it means.
    """

    #: Files that are looked at side by side.
    at_a_time: ClassVar[int] = 1

    @property
    @abstractmethod
    def on_disk(self) -> Path | None:
        """Where it is on this machine; None where no output of a command can meet it."""

    @abstractmethod
    def form(self) -> Form:
        """What is there."""

    @abstractmethod
    def tree(self) -> Iterator[tuple[TablePath, list[str], list[str]]]:
        """Each folder from this one down, with the names of its folders and of its files, as ``os.walk`` gives them.

        Folders that are taken out of their list are not looked into.
        """

    @abstractmethod
    def plain(self, name: str) -> bool:
        """Whether what is called `name` in this folder, no folder itself, is a file that can be read again."""

    @abstractmethod
    def identity(self) -> Hashable:
        """What two names of one and the same file have in common."""

    @abstractmethod
    def size(self) -> int:
        """Size in bytes."""

    @abstractmethod
    def stamp(self) -> str:
        """What is another text as soon as the file was written again."""

    @abstractmethod
    def digest(self, of: str | None = None) -> tuple[str, str]:
        """SHA-256 (64 hexadecimal digits), and what it is of: the content, or what stands for it.

        Parameters
        ----------
        of : str, optional
            What it is to be of; by default whatever is cheap to have.
        """

    @abstractmethod
    def open(self) -> AbstractContextManager[pa.NativeFile]:
        """The file, to be read anywhere."""

    @abstractmethod
    def frames(
        self, stretches: Sequence[Stretch], columns: Sequence[str],
        plan: Callable[[pl.LazyFrame], pl.LazyFrame], chunk_rows: int,
    ) -> Iterator[pl.DataFrame]:  # fmt: skip
        """Rows of Parquet files of one schema, all of the kind of this one, in order.

        Parameters
        ----------
        stretches : sequence of Stretch
            The rows; where it is more than one, each is a whole file.
        columns : sequence of str
            Columns, as the files name them, that `plan` needs.
        plan : callable
            What is made of the rows, row by row.
        chunk_rows : int
            Most rows of a frame.
        """

    @abstractmethod
    def here(self, folder: Path) -> AbstractContextManager[Path]:
        """The file on this machine, in `folder` where it has to be fetched first; it is gone after the block then."""

    @abstractmethod
    def fault(self, detail: str) -> InputError:
        """The error that tells a user what kept a table file from being read, of which a library says `detail`."""
