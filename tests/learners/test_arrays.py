"""Arrays in files: read back as they were, or refused."""

from __future__ import annotations

import io

import numpy as np
import pytest

from meta_models.learners.arrays import Expected, from_npy, read_arrays, to_npy
from meta_models.learners.seam import MalformedModel


@pytest.mark.parametrize(
    "array", [np.arange(6.0).reshape(2, 3), np.zeros((0, 4), np.float32), np.array([1, 2], np.uint8)]
)
def test_round_trip(array: np.ndarray) -> None:
    found = from_npy(to_npy(array), "x", array.dtype.newbyteorder("<").str)
    np.testing.assert_array_equal(found, array)
    assert to_npy(found) == to_npy(array)
    np.testing.assert_array_equal(np.load(io.BytesIO(to_npy(array)), allow_pickle=False), array)


def saved(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"", to_npy(np.zeros(3))[:-1], to_npy(np.zeros(3)) + b"\0", to_npy(np.zeros(3, np.float32)),
        to_npy(np.array([np.nan, 1, 2])), to_npy(np.array([np.inf, 1, 2])), saved(np.array([{}], object)),
        saved(np.asfortranarray(np.zeros((3, 2)))), saved(np.zeros(3, ">f8")),
    ],
)  # fmt: skip
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedModel, match="x"):
        from_npy(data, "x", "<f8")


def test_lengths_that_only_files_know_must_agree() -> None:
    expected = {"a": Expected("<f8", ("n", 2)), "b": Expected("<f8", ("n",))}
    fitting = {"a.npy": to_npy(np.zeros((3, 2))), "b.npy": to_npy(np.zeros(3))}
    assert read_arrays(fitting, expected)["a"].shape == (3, 2)
    for wrong in ({"b.npy": to_npy(np.zeros(4))}, {"a.npy": to_npy(np.zeros((3, 3)))}, {"b.npy": to_npy(np.zeros(()))},
                  {"c.npy": b""}):  # fmt: skip
        with pytest.raises(MalformedModel):
            read_arrays(fitting | wrong, expected)
