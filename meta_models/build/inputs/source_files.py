"""What is written down about an input file: its size and a digest, never its path."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TypedDict

from meta_models.errors import InputError
from meta_models.run_folder import hash_file

#: Files up to this size are hashed whole, larger ones by their first MiB and their size.
WHOLE = 2**28
_HEAD = 2**20


class FileFacts(TypedDict):
    """Size in bytes, SHA-256, and what the digest is of: ``"content"``, or ``"first MiB and size"``."""

    size: int
    sha256: str
    of: str


def file_facts(path: Path) -> FileFacts:
    """Facts about a file that do not depend on where it lies.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    try:
        size = path.stat().st_size
        if size <= WHOLE:
            return FileFacts(size=size, sha256=hash_file(path), of="content")
        with path.open("rb") as file:
            digest = hashlib.sha256(file.read(_HEAD) + str(size).encode()).hexdigest()
    except OSError as error:
        raise InputError(f"The file {path} must be readable", f"Found: {error.strerror or error}") from error
    return FileFacts(size=size, sha256=digest, of="first MiB and size")
