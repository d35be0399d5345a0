"""From the name that a user gives to the place that it means."""

from __future__ import annotations

import os
from pathlib import Path

from meta_models.errors import UsageError
from meta_models.local_paths import is_address
from meta_models.places.file_place import FilePlace
from meta_models.places.object_path import ObjectPath
from meta_models.places.object_place import ObjectPlace
from meta_models.places.place import Place, TablePath


def place(path: TablePath) -> Place:
    """What can be done with `path`."""
    return FilePlace(path) if isinstance(path, Path) else ObjectPlace(path)


def table_path(name: str | os.PathLike[str]) -> TablePath:
    """The path that `name` means: of this machine, or of an object store where it begins with s3:// or gs://.

    Raises
    ------
    UsageError
        If it is another address, or one without a bucket.
    """
    if not is_address(name):
        return Path(name)
    try:
        return ObjectPath.parse(os.fspath(name))
    except ValueError as error:
        raise UsageError(f"The table {os.fspath(name)!r} {error}", "It does not", "Write it so, as text") from None
