"""Tables in object stores: listed, and streamed by requests for the ranges that are needed."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow.fs import FileType

from meta_models.errors import InputError
from meta_models.places.clients import explained, information, listing, opened
from meta_models.places.object_path import ObjectPath
from meta_models.places.place import CONTENT, Form, Place, Stretch

#: What stores say of the content of an object, best first, and how it is called in manifests.
_TAGS = (("ETag", "ETag and size"), ("md5Hash", "MD5 and size"), ("crc32c", "CRC32C and size"))
#: What stores count up when an object is written again.
_VERSIONS = ("VersionId", "generation", "Last-Modified")
_PIECE = 8_000_000
#: Frames that are made of one batch: many columns of few rows take long to make.
_AT_ONCE = 4


class ObjectPlace(Place):
    """An object, or all objects below a prefix."""

    at_a_time: ClassVar[int] = 8

    def __init__(self, path: ObjectPath) -> None:
        self._path = path

    @property
    def on_disk(self) -> None:
        """Nowhere: commands write to file systems only."""
        return

    def form(self) -> Form:
        """A file where the address is that of an object, else a folder."""
        found = information(self._path.scheme, self._path.bucket, self._path.in_store).type
        if found is FileType.NotFound:
            self._listed()  # says what is amiss
        return Form.FILE if found is FileType.File else Form.FOLDER

    def tree(self) -> Iterator[tuple[ObjectPath, list[str], list[str]]]:
        """From one listing. Objects that stand for folders, with a stroke at the end of their keys, are no files."""
        files: dict[ObjectPath, list[str]] = {}
        folders: dict[ObjectPath, set[str]] = {}
        for path in self._listed():
            folder = self._path
            for name in path.parts[len(folder.parts) : -1]:
                folders.setdefault(folder, set()).add(name)
                folder = folder / name
            files.setdefault(folder, []).append(path.name)
        yield from _walked(self._path, folders, files)

    def plain(self, name: str) -> bool:
        """All objects are."""
        del name
        return True

    def identity(self) -> ObjectPath:
        """The address: there are no links."""
        return self._path

    def size(self) -> int:
        """Size in bytes."""
        with self.open() as file:
            return int(file.size())

    def stamp(self) -> str:
        """Size, the store's tag for the content, and the number or time of the version."""
        size, facts = self._facts()
        tags = [name for name, _ in _TAGS]
        return ", ".join([f"{size} bytes", *(f"{k} {facts[k]}" for k in (*tags, *_VERSIONS) if facts.get(k))])

    def digest(self, of: str | None = None) -> tuple[str, str]:
        """Of the store's tag for the content and of the size; where it is asked for, of the content, which is read.

        An object that was written again with the same content has the same.
        """
        if of == CONTENT:
            return self._hashed(), CONTENT
        size, facts = self._facts()
        name, told = next(((name, told) for name, told in _TAGS if facts.get(name)), ("", ""))
        if not name or of not in (None, told):
            return self._other_digest(of)
        return hashlib.sha256(f"{facts[name]} {size}".encode()).hexdigest(), told

    def _other_digest(self, of: str | None) -> tuple[str, str]:
        if of is None:
            return self._hashed(), CONTENT
        found = "The store does not tell it"
        raise InputError(
            f"{self._path} must have the {of} that was written down", found, "Give the address that was read"
        )

    def open(self) -> AbstractContextManager[pa.NativeFile]:
        """The object; what is read are ranges of it."""
        return opened(self._path.scheme, self._path.bucket, self._path.in_store)

    def frames(
        self, stretches: Sequence[Stretch], columns: Sequence[str],
        plan: Callable[[pl.LazyFrame], pl.LazyFrame], chunk_rows: int,
    ) -> Iterator[pl.DataFrame]:  # fmt: skip
        """One object after another: of each the footer, and the wanted columns of the row groups that hold the rows."""
        for stretch in stretches:
            with ObjectPlace(_object(stretch)).open() as stream:
                file = pq.ParquetFile(stream, pre_buffer=True, page_checksum_verification=True)
                for batch in _batches(file, stretch, columns, _AT_ONCE * chunk_rows):
                    yield from plan(_frame(batch).lazy()).collect().iter_slices(chunk_rows)

    @contextmanager
    def here(self, folder: Path) -> Iterator[Path]:
        """A copy."""
        with tempfile.TemporaryDirectory(dir=folder, prefix="fetched-") as place:
            copy = Path(place) / self._path.name
            with copy.open("wb") as file:
                for piece in self._pieces():
                    file.write(piece)
            yield copy

    def fault(self, detail: str) -> InputError:
        """What the store, or the network, said."""
        return explained(str(self._path), detail)

    def _listed(self) -> list[ObjectPath]:
        """Every object below this prefix."""
        found = listing(self._path.scheme, self._path.bucket, self._path.in_store)
        keys = (info.path.partition("/")[2] for info in found if info.type is FileType.File)
        return [ObjectPath(self._path.scheme, self._path.bucket, key) for key in keys]

    def _facts(self) -> tuple[int, Mapping[str, str]]:
        """Size, and what the store says of the object."""
        with self.open() as file:
            return int(file.size()), {name: value.decode() for name, value in file.metadata().items()}

    def _hashed(self) -> str:
        found = hashlib.sha256()
        for piece in self._pieces():
            found.update(piece)
        return found.hexdigest()

    def _pieces(self) -> Iterator[bytes]:
        """The whole of the object, in order."""
        try:
            with self.open() as file:
                while piece := file.read(_PIECE):
                    yield piece
        except (OSError, pa.ArrowException) as error:
            raise explained(str(self._path), str(error)) from error


def _walked(
    folder: ObjectPath, folders: Mapping[ObjectPath, set[str]], files: Mapping[ObjectPath, list[str]]
) -> Iterator[tuple[ObjectPath, list[str], list[str]]]:
    below = sorted(folders.get(folder, ()))
    yield folder, below, files.get(folder, [])
    for name in below:
        yield from _walked(folder / name, folders, files)


def _object(stretch: Stretch) -> ObjectPath:
    return ObjectPath.parse(str(stretch.path))


def _batches(
    file: pq.ParquetFile, stretch: Stretch, columns: Sequence[str], chunk_rows: int
) -> Iterator[pa.RecordBatch]:
    """The rows of `stretch`, at most `chunk_rows` at a time; no row group without one of them is asked for."""
    groups, first = _groups(file.metadata, stretch)
    skip, left = stretch.offset - first, stretch.rows
    for batch in file.iter_batches(batch_size=chunk_rows, row_groups=groups, columns=list(columns)):
        part = batch.slice(skip, left)
        skip, left = max(0, skip - batch.num_rows), left - part.num_rows
        if part.num_rows:
            yield part
        if not left:
            return


def _groups(metadata: pq.FileMetaData, stretch: Stretch) -> tuple[list[int], int]:
    """Row groups that hold rows of `stretch`, and the number of the first row of the first of them."""
    ends = [0]
    for number in range(metadata.num_row_groups):
        ends.append(ends[-1] + metadata.row_group(number).num_rows)
    last = stretch.offset + stretch.rows
    groups = [n for n in range(metadata.num_row_groups) if ends[n] < last and ends[n + 1] > stretch.offset]
    return groups, ends[groups[0]] if groups else 0


def _frame(batch: pa.RecordBatch) -> pl.DataFrame:
    frame = pl.from_arrow(batch)
    if not isinstance(frame, pl.DataFrame):
        raise AssertionError("a batch of rows is a frame")
    return frame
