"""Names of contigs in two files: exact, by the prefix chr, by a file, or refused."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from fuzzing import written

from meta_models.build.inputs.contig_names import match_names, read_chrom_map
from meta_models.errors import InputError


def test_exact_names_come_first() -> None:
    assert match_names(["1", "chr1", "2"], ["1", "chr1", "3"], what="x") == {"1": "1", "chr1": "chr1"}


def test_the_prefix_is_added_or_taken_off_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert match_names(["chr1", "chrX", "chrUn"], ["1", "X"], what="tracks") == {"1": "chr1", "X": "chrX"}
    assert match_names(["1", "X"], ["chr1", "chrX", "chrM"], what="tracks") == {"chr1": "1", "chrX": "X"}
    assert "tracks: 2 names of contigs are written otherwise in the genome: chr1 is 1" in caplog.text


def test_names_of_one_meaning_are_one() -> None:
    assert match_names(["Chr1", "MT", "CHRX", "chr02"], ["1", "chrM", "chrX", "2"], what="x") == {
        "1": "Chr1", "chrM": "MT", "chrX": "CHRX", "2": "chr02",
    }  # fmt: skip
    assert match_names(["chrM", "2"], ["M", "MT", "2"], what="x") == {"2": "2"}  # nobody knows which one chrM is


@pytest.mark.parametrize("names", [["1", "chr1"], ["chr1", "1"], ["Chr1", "chr01"]])
def test_two_names_of_one_contig_are_refused(names: list[str]) -> None:
    with pytest.raises(InputError, match=r"One name of x must mean the contig chr1\. Found .* and "):
        match_names(names, ["chr1", "chr2"], what="x")


def test_what_is_left_out_is_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    match_names(["chr1", "NC_000002.12", "chrUn_1"], ["chr1", "chr2"], what="x")
    assert "x: left out is what lies on contigs that the genome lacks: 2 names (NC_000002.12, chrUn_1)" in caplog.text


def test_accessions_are_not_guessed() -> None:
    with pytest.raises(InputError, match=r"Found 2 names \(NC_000001.11, M2\); in the genome 3 names \(chr1, chrM, "):
        match_names(["NC_000001.11", "M2"], ["chr1", "chrM", "chr2"], what="x")


def test_the_error_names_the_option_and_five_names_at_most() -> None:
    with pytest.raises(InputError, match=r"9 names \(a0, a1, a2, a3, a4, ...\).*--chrom-map FILE"):
        match_names([f"a{k}" for k in range(9)], ["b"], what="x")


def test_the_map_wins() -> None:
    given = {"NC_1": "chr1", "chr1": "chr2"}
    assert match_names(["NC_1", "chr1"], ["chr1", "chr2"], what="x", chrom_map=given) == {
        "chr1": "NC_1",
        "chr2": "chr1",
    }
    with pytest.raises(InputError, match=r"One name of x must mean the contig chr1\. Found a and b"):
        match_names(["a", "b"], ["chr1"], what="x", chrom_map={"a": "chr1", "b": "chr1"})


def test_reading_a_map(tmp_path: Path) -> None:
    path = written(tmp_path, "map.tsv", b"# file\tgenome\r\nNC_1\tchr1\r\n\r\nNC_2\tchr2\r\n")
    assert read_chrom_map(path) == {"NC_1": "chr1", "NC_2": "chr2"}


@pytest.mark.parametrize(
    ("data", "message"),
    [(b"a b\n", "line 1: expected two names"), (b"a\tb\na\tc\n", "line 2: expected one meaning of a"),
     (b"a\t\n", "line 1: expected two names"), (b"#\n", "Found none")],
)  # fmt: skip
def test_bad_maps(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_chrom_map(written(tmp_path, "map.tsv", data))
