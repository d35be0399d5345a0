"""The fixed pickle bytes around the archive.

::

    80 04                                  PROTO 4
    8c <len> "meta_models.persistence"     SHORT_BINUNICODE
    8c <len> "_restore_model"              SHORT_BINUNICODE
    93                                     STACK_GLOBAL
    8e <8 bytes, little endian> <archive>  BINBYTES8
    85 52 2e                               TUPLE1 REDUCE STOP

The prefix and the suffix are compared byte by byte; the pickle machine is not run.
"""

from __future__ import annotations

import struct

from meta_models.errors import UnsafeModelFile


def _text(value: str) -> bytes:
    encoded = value.encode("ascii")
    return b"\x8c" + bytes([len(encoded)]) + encoded


PREFIX = b"\x80\x04" + _text("meta_models.persistence") + _text("_restore_model") + b"\x93\x8e"
SUFFIX = b"\x85R."
_LENGTH = struct.Struct("<Q")
OVERHEAD = len(PREFIX) + _LENGTH.size + len(SUFFIX)

EXPECTED = "A model file written by meta_models is needed"
TRAIN_AGAIN = "Name a model_multiclass*.pkl of a run folder, or train the model again"
ACTION = f"{TRAIN_AGAIN}, or pass allow_pickle=True if you made the file yourself: a pickle can run any code"


def wrap(archive: bytes) -> bytes:
    """The model file around `archive`."""
    return b"".join((PREFIX, _LENGTH.pack(len(archive)), archive, SUFFIX))


def is_wrapped(data: bytes) -> bool:
    """Whether `data` starts as every model file does."""
    return data.startswith(PREFIX)


def unwrap(data: bytes) -> bytes:
    """The archive in a model file.

    Raises
    ------
    UnsafeModelFile
        If anything but the archive differs from what :func:`wrap` writes, its length included.
    """
    if not is_wrapped(data):
        raise UnsafeModelFile(EXPECTED, f"Found {_looks_like(data)}", ACTION if _is_pickle(data) else TRAIN_AGAIN)
    if len(data) < OVERHEAD:
        raise UnsafeModelFile(EXPECTED, f"Found a file cut off after {len(data)} bytes", "Copy or train it again")
    (length,) = _LENGTH.unpack_from(data, len(PREFIX))
    found = len(data) - OVERHEAD
    if length != found or not data.endswith(SUFFIX):
        what = "a cut-off file" if length > found else "other bytes after the model"
        raise UnsafeModelFile(EXPECTED, f"Found {what}: {length} bytes declared, {found} there", "Copy it again")
    return data[OVERHEAD - len(SUFFIX) : -len(SUFFIX)]


def _is_pickle(data: bytes) -> bool:
    return data[:1] == b"\x80" or data.endswith(b".")


def _looks_like(data: bytes) -> str:
    if not data:
        return "an empty file"
    if PREFIX.startswith(data):
        return f"a file cut off after {len(data)} bytes"
    if _is_pickle(data):
        return "another pickle, which is not opened because opening it can run code"
    if data.startswith(b"PK"):
        return "a bare zip archive"
    return f"a file that starts with {data[:8].hex(' ')}"
