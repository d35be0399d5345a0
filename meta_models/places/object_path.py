"""The address of an object, or of all objects below a prefix."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import PurePosixPath

from pyarrow.fs import FileType

from meta_models.local_paths import OBJECT_ADDRESS
from meta_models.places.clients import Refused, information, opened


@dataclass(frozen=True)
class ObjectPath:
    """``s3://bucket/key`` or ``gs://bucket/key``, with the part of the interface of a path that tables need.

    Keys are taken letter by letter. They sort as paths do, so that a table has its rows in the same order in a store
    and on a disk.

    Attributes
    ----------
    key : str
        Without a stroke at its end; empty for the bucket itself.
    """

    scheme: str
    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, address: str) -> ObjectPath:
        """The path that is written as `address`; raises ValueError where it names no bucket."""
        found = OBJECT_ADDRESS.fullmatch(address)
        if found is None:
            raise ValueError("must name a bucket: s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")
        return cls(found[1], found[2], (found[3] or "").rstrip("/"))

    def __str__(self) -> str:
        return f"{self.scheme}://{self.in_store}"

    def __lt__(self, other: ObjectPath) -> bool:
        return (self.scheme, self.bucket, self.parts) < (other.scheme, other.bucket, other.parts)

    def __truediv__(self, name: str) -> ObjectPath:
        return ObjectPath(self.scheme, self.bucket, f"{self.key}/{name}" if self.key else name)

    @property
    def in_store(self) -> str:
        """Bucket and key, as clients name them."""
        return f"{self.bucket}/{self.key}" if self.key else self.bucket

    @property
    def parts(self) -> tuple[str, ...]:
        """Names of the folders, if the key were that of a file, and its own; of the bucket alone none."""
        return tuple(self.key.split("/")) if self.key else ()

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.parts[-1] if self.key else self.bucket

    @property
    def parent(self) -> ObjectPath:
        """The prefix that it lies in; that of a bucket is the bucket."""
        return ObjectPath(self.scheme, self.bucket, self.key.rpartition("/")[0])

    def absolute(self) -> ObjectPath:
        """The path itself: it is one from anywhere."""
        return self

    def resolve(self) -> ObjectPath:
        """The path itself: there are no links."""
        return self

    def relative_to(self, folder: ObjectPath) -> PurePosixPath:
        """The path as seen from a `folder` that it lies in; raises ValueError where it does not."""
        if (self.scheme, self.bucket) != (folder.scheme, folder.bucket):
            raise ValueError(f"{str(self)!r} does not lie in {str(folder)!r}")
        return PurePosixPath(*self.parts).relative_to(PurePosixPath(*folder.parts))

    def is_file(self) -> bool:
        """Whether it is an object."""
        return bool(information(self.scheme, self.bucket, self.in_store).type is FileType.File)

    def is_dir(self) -> bool:
        """Whether there are objects below it, as far as this user may look.

        Without the right to list, stores refuse to say that something is not there.
        """
        try:
            return bool(information(self.scheme, self.bucket, self.in_store).type is FileType.Directory)
        except Refused:
            return False

    def exists(self) -> bool:
        """Whether it is an object, or there are objects below it."""
        return self.is_file() or self.is_dir()

    def read_bytes(self) -> bytes:
        """All of the object."""
        with opened(self.scheme, self.bucket, self.in_store) as stream:
            return bytes(stream.read())

    def read_text(self, encoding: str) -> str:
        """All of the object as text, with line ends as Python has them."""
        with io.TextIOWrapper(io.BytesIO(self.read_bytes()), encoding) as text:
            return text.read()
