"""float64 arrays as ``.npy`` bytes, read without trust: the header must be the one that is written."""

from __future__ import annotations

import io
import re

import numpy as np
from numpy.typing import NDArray

from meta_models.persistence.archive import damaged

_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '<f8', 'fortran_order': False, 'shape': \((?P<shape>[0-9, ]{0,40})\), \} *\n")


def to_npy(array: NDArray[np.float64]) -> bytes:
    """`array` as a ``.npy`` file, version 1, little-endian float64, C-order."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array, dtype="<f8", order="C"), version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes, name: str) -> NDArray[np.float64]:
    """The array in `data`; `name` is for the message.

    Raises
    ------
    UnsafeModelFile
        If `data` is not exactly what :func:`to_npy` writes.
    """
    start = len(_MAGIC) + 2
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    match = _HEADER.fullmatch(data[start:end])
    if not data.startswith(_MAGIC) or match is None:
        raise damaged(f"{name} that is no plain array of float64")
    shape = tuple(int(part) for part in match["shape"].split(b",") if part.strip())
    size = 1
    for extent in shape:
        size *= extent
    if size * 8 != len(data) - end:
        raise damaged(f"{name} whose shape {shape} does not fit its {len(data) - end} bytes")
    return np.frombuffer(data, "<f8", offset=end).reshape(shape).astype(np.float64)
