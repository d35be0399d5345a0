"""Regions of BED files."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzzing import BOM, FUZZ, PACKING, data_lines, texts, without_headers, written
from hypothesis import given
from hypothesis import strategies as st

from meta_models.build.inputs.regions import Region, place_regions, read_regions
from meta_models.errors import InputError


def test_bed_of_six_columns(tmp_path: Path) -> None:
    text = b"track name=x\r\n#c\r\nchr1\t0\t10\tg1\t0\t+\r\n\r\nchr2\t5\t7\tg2\t0\t-\r\n"
    assert read_regions(written(tmp_path, "a.bed", BOM + text)) == (
        Region("chr1", 0, 10, "+", "g1"), Region("chr2", 5, 7, "-", "g2"),
    )  # fmt: skip


def test_without_strand_there_are_two(tmp_path: Path) -> None:
    assert read_regions(written(tmp_path, "a.bed", b"c 0 10\nc\t20\t30\tx\t0\t.\n")) == (
        Region("c", 0, 10, "+", "c:1-10(+)"), Region("c", 0, 10, "-", "c:1-10(-)"),
        Region("c", 20, 30, "+", "x(+)"), Region("c", 20, 30, "-", "x(-)"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"c\t0\n", "line 1: expected a BED line"),
        (b"c\t5\t5\n", "line 1: expected a BED line"),
        (b"c\t-1\t5\n", "line 1: expected a BED line"),
        (b"c\t0\t1\tg\t0\t*\n", "line 1: expected a BED line"),
        (b"c\t0\t1\tg\t0\t+\nc\t5\t9\tg\t0\t+\n", "line 2: expected a name that no region before has, not g"),
        (b"#\n", "Found none"),
        (b"chrom\tstart\tend\n", "line 1: expected a BED line"),
    ],
)
def test_bad_lines(tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_regions(written(tmp_path, "a.bed", data))


def test_regions_are_named_as_the_genome_and_lie_in_it() -> None:
    regions = (Region("1", 0, 10, "+", "a"), Region("1", 5, 20, "-", "b"))
    assert [r.contig for r in place_regions(regions, {"chr1": 20}, what="r")] == ["chr1", "chr1"]
    with pytest.raises(InputError, match="Found 1 that do not, the first: b ends at 20, chr1 at 19"):
        place_regions(regions, {"chr1": 19}, what="r")
    with pytest.raises(InputError, match=r"Found 1 name \(2\)"):
        place_regions((*regions, Region("2", 0, 1, "+", "c")), {"chr1": 20}, what="r")


def test_a_line_without_a_strand_counts_once(tmp_path: Path) -> None:
    regions = read_regions(written(tmp_path, "a.bed", b"c\t0\t30\nc\t0\t9\tg\t0\t+\nc\t0\t30\th\t0\t-\n"))
    with pytest.raises(InputError, match=r"Found 2 that do not, the first: c:1-30\(\+\) ends at 30, c at 20"):
        place_regions(regions, {"c": 20}, what="r")


NUMBER = st.sampled_from(["0", "1", "7", "20", "-1", "x", "5.0", "99999999999999999999"])
BED = texts(
    [st.sampled_from(["c", "chr2", ""]), st.sampled_from(["0", "1", "3"]), st.sampled_from(["4", "7", "2"]) | NUMBER,
     st.text(min_size=1, max_size=3) | st.integers().map(str), st.just("0"), st.sampled_from(["+", "-", ".", "*"])],
    ("\t", "\t", " "),
)  # fmt: skip


@FUZZ
@given(raw=BED, pack=PACKING)
def test_any_file_is_read_whole_or_refused(raw: bytes, pack: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), "fuzz.bed", pack(raw))  # type: ignore[operator]
    try:
        regions = read_regions(path)
    except InputError:
        return
    lines = without_headers(data_lines(raw))
    fields = [line.split("\t") if "\t" in line else line.split() for line in lines]
    assert len(regions) == sum(1 if len(f) > 5 and f[5].strip() in ("+", "-") else 2 for f in fields)
