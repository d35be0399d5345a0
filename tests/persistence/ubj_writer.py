"""Writes what the reader of UBJSON reads, so that one field of a booster can be changed exactly."""

from __future__ import annotations

import struct

import numpy as np

_CODES = {"i1": b"i", "u1": b"U", "i2": b"I", "i4": b"l", "i8": b"L", "f4": b"d", "f8": b"D"}


def length(count: int) -> bytes:
    return b"L" + struct.pack(">q", count)


def written(value: object) -> bytes:
    """`value` as UBJSON; typed arrays keep their type."""
    if value is None or isinstance(value, bool):
        return {None: b"Z", True: b"T", False: b"F"}[value]
    if isinstance(value, str):
        return b"S" + length(len(value.encode())) + value.encode()
    if isinstance(value, int):
        return b"L" + struct.pack(">q", value)
    if isinstance(value, float):
        return b"D" + struct.pack(">d", value)
    if isinstance(value, dict):
        pairs = (length(len(key.encode())) + key.encode() + written(item) for key, item in value.items())
        return b"{" + b"".join(pairs) + b"}"
    if isinstance(value, np.ndarray):
        code = _CODES[value.dtype.str[1:]]
        return b"[$" + code + b"#" + length(len(value)) + value.astype(value.dtype.newbyteorder(">")).tobytes()
    assert isinstance(value, list), type(value)
    return b"[#" + length(len(value)) + b"".join(map(written, value))
