"""Arrays a gene."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from fuzzing import written

from meta_models.build.scores import GenePlace, open_scores
from meta_models.errors import InputError, UsageError

A = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.0]], np.float32)
PLACES = {"a": GenePlace("c", 10, 13, "+"), "b": GenePlace("c", 20, 22, "-"), "none": GenePlace("d", 0, 5, "+")}


def npz(folder: Path, **arrays: np.ndarray) -> str:
    np.savez(folder / "s.npz", **arrays)
    return f"main={folder / 's.npz'}"


def test_arrays_lie_in_the_direction_of_their_gene(tmp_path: Path) -> None:
    with open_scores(npz(tmp_path, a=A, b=A[:2].astype(np.float64), other=A)) as source:
        source.match_contigs({"c": 21, "d": 5})
        source.place(PLACES)
        assert source.contigs == ("c",)
        np.testing.assert_array_equal(source.fetch("c", 9, 14, "+", "a")[1:4], A)
        assert np.isnan(source.fetch("c", 9, 14, "+", "a")[[0, 4]]).all()
        np.testing.assert_array_equal(source.fetch("c", 20, 21, "-", "b"), A[1:2])
        beyond = source.fetch("c", 20, 22, "-", "b")
        np.testing.assert_array_equal(beyond, [[np.nan, np.nan], A[1]])
        assert np.isnan(source.fetch("c", 10, 13, "-", "a")).all(), "the other strand"
        assert np.isnan(source.fetch("d", 0, 5, "+", "none")).all(), "a gene without an array"
        assert source.facts()["absent"] == "not covered"


def test_three_columns_are_neither_acceptor_donor(tmp_path: Path) -> None:
    three = np.stack([1 - A.sum(axis=1), A[:, 1], A[:, 0]], axis=1) * 0.2
    three[:, 0] += 0.8
    with open_scores(npz(tmp_path, a=three)) as source:
        source.place(PLACES)
        np.testing.assert_allclose(source.fetch("c", 10, 13, "+", "a"), A * 0.2, rtol=1e-6)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (A[:2], "Found 2 rows and 3 bases for a"),
        (A[:, :1], r"Found \(3, 1\) of float32 for a"),
        (np.ones((3, 2), int), r"Found \(3, 2\) of int64 for a"),
        (np.c_[A, 1 - A.sum(axis=1)], "Found the means 0.3, 0.2, 0.5 for a"),
        (np.where(A == 0.4, np.nan, A), "Found 1 NaN or infinite for a, the first in row 1"),
        (np.array([[1, 2]], object), "must be readable without pickle"),
    ],
)
def test_bad_arrays(tmp_path: Path, array: np.ndarray, message: str) -> None:
    with open_scores(npz(tmp_path, a=array)) as source, pytest.raises(InputError, match=message):
        source.place(PLACES)


def test_scores_that_are_none(tmp_path: Path) -> None:
    with open_scores(npz(tmp_path, a=A * 3)) as source:
        source.place(PLACES)
        with pytest.raises(InputError, match=r"Found 2 others, the first: acceptor 1\.2 at c:12"):
            source.fetch("c", 10, 13, "+", "a")


def test_genes_are_needed(tmp_path: Path) -> None:
    with open_scores(npz(tmp_path, a=A)) as source:
        with pytest.raises(UsageError, match="needs an annotation"):
            source.fetch("c", 10, 13, "+", "a")
        with pytest.raises(InputError, match="Found a; in the annotation x"):
            source.place({"x": GenePlace("c", 0, 3, "+")})
        source.place(PLACES)
        with pytest.raises(UsageError, match="needs an annotation"):
            source.fetch("c", 10, 13, "+")


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04broken", b"text", b"\x93NUMPY\x01\x00"])
def test_no_npz(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(InputError, match=r"must be readable as \.npz"):
        open_scores(f"main={written(tmp_path, 's.npz', data)}")
