"""A track of values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from meta_models.build.evidence import open_evidence
from meta_models.errors import InputError


def track(path: Path, values: list[float]) -> str:
    library = pytest.importorskip("pyBigWig")
    file = library.open(str(path), "w")
    file.addHeader([("chr1", 10)])
    file.addEntries(
        ["chr1"] * len(values), list(range(2, 2 + len(values))), ends=list(range(3, 3 + len(values))), values=values
    )
    file.close()
    return f"phylop=bigwig:{path}"


def test_values_on_both_strands(tmp_path: Path) -> None:
    with open_evidence(track(tmp_path / "a.bw", [-1.5, 0.0, 2.5])) as source:
        assert (source.name, source.kind, source.channels, source.contigs) == (
            "phylop",
            "bigwig",
            ("value",),
            ("chr1",),
        )
        source.match_contigs({"1": 10})
        plus, minus = source.fetch("1", -1, 6, "+"), source.fetch("1", -1, 6, "-")
        np.testing.assert_array_equal(plus[:, 0], np.float32([np.nan, np.nan, np.nan, -1.5, 0, 2.5, np.nan]))
        np.testing.assert_array_equal(minus, plus[::-1])
        assert np.isnan(source.fetch("2", 0, 3, "+")).all()
        assert np.isnan(source.fetch("1", 8, 12, "+")).all()
        assert str(tmp_path) not in repr(source.facts())


def test_a_track_of_longer_contigs_is_of_another_assembly(tmp_path: Path) -> None:
    with (
        open_evidence(track(tmp_path / "a.bw", [1.0])) as source,
        pytest.raises(InputError, match=r"of one assembly.*the first: 1, which has 9 bases, to 10"),
    ):
        source.match_contigs({"1": 9})


def test_a_name_that_is_no_text_is_read(tmp_path: Path) -> None:
    odd = tmp_path / "caf\udce9:1"
    odd.mkdir()
    with open_evidence(track(tmp_path / "a.bw", [1.0])):
        (tmp_path / "a.bw").rename(odd / "a.bw")
    with open_evidence(f"phylop=bigwig:{odd / 'a.bw'}") as source:
        assert source.contigs == ("chr1",)


def test_infinite_values_are_refused(tmp_path: Path) -> None:
    with (
        open_evidence(track(tmp_path / "a.bw", [1.0, float("inf")])) as source,
        pytest.raises(InputError, match="Found 1 infinite, the first at chr1:4"),
    ):
        source.fetch("chr1", 0, 9, "+")


def test_one_file_a_track(tmp_path: Path) -> None:
    spec = track(tmp_path / "a.bw", [1.0])
    with pytest.raises(InputError, match=r"a bigWig track is one file\. Found 2"):
        open_evidence(f"{spec},{tmp_path / 'b.bw'}")
