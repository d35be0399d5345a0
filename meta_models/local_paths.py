"""What a user may name as a file or a folder: a path on this machine, taken letter by letter."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

#: How the addresses of object stores and of the web begin; a `Path` has lost one of the two strokes.
_ADDRESS = re.compile(
    r"(?:[A-Za-z][A-Za-z0-9+.-]*://|(?:s3a?|gs|gcs|az|azure|adl|abfss?|hdfs|hf|file|ftp|https?):/)", re.ASCII
)


def is_address(path: str | os.PathLike[str]) -> bool:
    """Whether `path` is the address of an object store or of the web (``s3://bucket/table.parquet``)."""
    return _ADDRESS.match(os.fspath(path)) is not None


def printable(name: str) -> str:
    """`name` as it can be written in UTF-8: bytes of a file name that are no UTF-8 are shown as escapes."""
    return name.encode(errors="backslashreplace").decode()


def _local(value: Any) -> Any:
    """Refuse what is an address; all else is for the type of the field."""
    if not isinstance(value, str | Path):
        return value
    if is_address(value):
        raise ValueError("must be a path on this machine: addresses are not read yet; copy the file here first")
    if "\0" in str(value) or not str(value):
        raise ValueError("must name a file or a folder")
    return value


#: Fields of a configuration that name files and folders. ``~`` and ``$HOME`` are for the shell: here they are letters.
LocalPath = Annotated[Path, BeforeValidator(_local)]
LocalName = Annotated[str, BeforeValidator(_local)]
