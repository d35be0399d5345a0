"""Arrays in files: plain ``.npy`` bytes, read without trust, and predictors that consist of nothing else."""

from __future__ import annotations

import io
import math
import re
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from meta_models.learners.seam import MalformedModel, Predictor

#: Larger coefficients and intercepts are no fit of ours: sums of them would overflow.
MOST_COEFFICIENT = 1e12
_MAGIC = b"\x93NUMPY\x01\x00"
_HEADER = re.compile(rb"\{'descr': '(?P<dtype>[<|][fiu][1-8])', 'fortran_order': False, "
                     rb"'shape': \((?P<shape>[0-9, ]{0,40})\), \} *\n")  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What an array in a file must be like.

    Attributes
    ----------
    dtype : str
        As in the header of the file, little-endian: ``<f8``, ``<f4``, ``|u1``.
    shape : tuple of int or str
        Lengths; one that only the file knows has a name, and is the same wherever the name stands.
    """

    dtype: str
    shape: tuple[int | str, ...]


def to_npy(array: NDArray[np.generic]) -> bytes:
    """`array` as a ``.npy`` file, version 1, little-endian, C-order."""
    buffer = io.BytesIO()
    plain = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    np.lib.format.write_array(buffer, plain, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def from_npy(data: bytes, name: str, dtype: str) -> NDArray[np.generic]:
    """The array in `data`, of finite numbers; `name` is for the message.

    Raises
    ------
    MalformedModel
        If `data` is not exactly what `to_npy` makes of an array of `dtype`, or not finite.
    """
    start = len(_MAGIC) + 2
    end = start + int.from_bytes(data[len(_MAGIC) : start], "little")
    match = _HEADER.fullmatch(data[start:end])
    if not data.startswith(_MAGIC) or match is None or match["dtype"].decode() != dtype:
        raise MalformedModel(f"{name} that is no plain array of {dtype}")
    shape = tuple(int(part) for part in match["shape"].split(b",") if part.strip())
    if math.prod(shape) * np.dtype(dtype).itemsize != len(data) - end:
        raise MalformedModel(f"{name} whose shape {shape} does not fit its {len(data) - end} bytes")
    array = np.frombuffer(data, dtype, offset=end).reshape(shape)
    if not np.isfinite(array).all():
        raise MalformedModel(f"{name} with values that are not finite")
    return array


def read_arrays(files: Mapping[str, bytes], expected: Mapping[str, Expected]) -> dict[str, NDArray[np.generic]]:
    """The arrays of ``NAME.npy`` for each name in `expected`; there must be no other files.

    Raises
    ------
    MalformedModel
    """
    names = {f"{name}.npy" for name in expected}
    if set(files) != names:
        raise MalformedModel(f"files must be {', '.join(sorted(names))}, found {', '.join(sorted(files))[:300]}")
    lengths: dict[str, int] = {}
    return {
        name: _fitting(from_npy(files[f"{name}.npy"], name, wanted.dtype), name, wanted.shape, lengths)
        for name, wanted in expected.items()
    }


def _fitting(
    array: NDArray[np.generic], name: str, shape: Sequence[int | str], lengths: dict[str, int]
) -> NDArray[np.generic]:
    if len(array.shape) != len(shape):
        raise MalformedModel(f"{name} of {array.ndim} dimensions instead of {len(shape)}")
    for found, wanted in zip(array.shape, shape, strict=True):
        if found != (wanted if isinstance(wanted, int) else lengths.setdefault(wanted, found)):
            raise MalformedModel(f"{name} of shape {array.shape} instead of {tuple(shape)}"[:300])
    return array


class ArrayPredictor(Predictor):
    """A predictor that is all arrays."""

    @abstractmethod
    def arrays(self) -> Mapping[str, NDArray[np.generic]]:
        """What it consists of, by name."""

    def files(self) -> dict[str, bytes]:
        """``NAME.npy`` for each array."""
        return {f"{name}.npy": to_npy(array) for name, array in self.arrays().items()}


def require(condition: object, otherwise: str) -> None:
    """Raise MalformedModel with `otherwise` unless `condition`."""
    if not condition:
        raise MalformedModel(otherwise)


def require_within(array: NDArray[Any], most: float, name: str) -> None:
    """Raise MalformedModel unless all values of `array` lie within `most` of 0."""
    require((np.abs(array) <= most).all(), f"{name} must lie between {-most:g} and {most:g}")
