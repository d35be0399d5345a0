"""A reader for the part of UBJSON that XGBoost writes, for bytes that nobody vouches for.

Objects are closed by ``}``, arrays always carry their length, keys are unique, nothing follows the value. Depth and
number of values are bounded by the size of the input, so memory and time are linear in it.

References
----------
Universal Binary JSON, draft 12 (ubjson.org); ``UBJWriter`` in XGBoost's ``src/common/json.cc``.
"""

from __future__ import annotations

import struct
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Value: TypeAlias = "dict[str, Value] | list[Value] | NDArray[Any] | str | int | float | bool | None"

MAX_DEPTH = 12
#: At least so many bytes a value, and FREE_VALUES on top. XGBoost writes above 25 bytes a value.
BYTES_PER_VALUE = 12
FREE_VALUES = 1000

_SCALARS = {
    tag: struct.Struct(code)
    for tag, code in ((b"i", ">b"), (b"U", ">B"), (b"I", ">h"), (b"l", ">i"), (b"L", ">q"), (b"d", ">f"), (b"D", ">d"))
}
_DTYPES = {
    tag: np.dtype(code)
    for tag, code in (
        (b"i", ">i1"),
        (b"U", ">u1"),
        (b"I", ">i2"),
        (b"l", ">i4"),
        (b"L", ">i8"),
        (b"d", ">f4"),
        (b"D", ">f8"),
    )
}
_CONSTANTS: dict[bytes, bool | None] = {b"T": True, b"F": False, b"Z": None}
_LENGTH = struct.Struct(">q")


class MalformedUbjson(ValueError):
    """Bytes that are not UBJSON as XGBoost writes it."""


def parse(data: bytes) -> Value:
    """Read one value.

    Returns
    -------
    dict, list, str, int, float, bool, None or ndarray
        Typed arrays are read-only big-endian views of `data`.

    Raises
    ------
    MalformedUbjson
    """
    reader = _Reader(data)
    value = reader.value(MAX_DEPTH)
    if reader.position != len(data):
        raise MalformedUbjson(f"{len(data) - reader.position} bytes follow the value")
    return value


class _Reader:
    __slots__ = ("data", "position", "values_left")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0
        self.values_left = len(data) // BYTES_PER_VALUE + FREE_VALUES

    def value(self, depth: int) -> Value:
        """The value that begins here, with at most `depth` levels below it."""
        self.values_left -= 1
        if depth == 0 or self.values_left < 0:
            raise MalformedUbjson(
                f"nested deeper than {MAX_DEPTH}, or more values than {len(self.data)} bytes can mean"
            )
        tag = self._take(1)
        if tag == b"[":
            return self._array(depth)
        if tag == b"{":
            return self._object(depth)
        if tag == b"S":
            return self._text()
        if scalar := _SCALARS.get(tag):
            number: int | float = scalar.unpack(self._take(scalar.size))[0]
            return number
        if tag in _CONSTANTS:
            return _CONSTANTS[tag]
        raise MalformedUbjson(f"unknown marker {tag!r} at byte {self.position - 1}")

    def _object(self, depth: int) -> dict[str, Value]:
        result: dict[str, Value] = {}
        while self.data[self.position : self.position + 1] != b"}":
            key = self._text()
            if key in result:
                raise MalformedUbjson(f"key {key[:60]!r} stands twice in an object")
            result[key] = self.value(depth - 1)
        self.position += 1
        return result

    def _array(self, depth: int) -> Value:
        marker = self._take(1)
        dtype = None
        if marker == b"$":
            dtype = _DTYPES.get(self._take(1))
            marker = self._take(1)
            if dtype is None:
                raise MalformedUbjson(f"unknown type of array before byte {self.position}")
        if marker != b"#":
            raise MalformedUbjson(f"an array without length at byte {self.position}")
        count = self._length()
        if dtype is not None:
            return np.frombuffer(self._take(count * dtype.itemsize), dtype)
        return [self.value(depth - 1) for _ in range(count)]

    def _text(self) -> str:
        try:
            return self._take(self._length()).decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedUbjson(f"a text that is not UTF-8 before byte {self.position}") from None

    def _length(self) -> int:
        if self._take(1) != b"L":
            raise MalformedUbjson(f"a length was due at byte {self.position - 1}")
        length: int = _LENGTH.unpack(self._take(_LENGTH.size))[0]
        if not 0 <= length <= len(self.data) - self.position:
            raise MalformedUbjson(f"a length of {length} at byte {self.position} of {len(self.data)}")
        return length

    def _take(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) != count:
            raise MalformedUbjson(f"cut off: {count} bytes were due at byte {self.position} of {len(self.data)}")
        self.position += count
        return taken
