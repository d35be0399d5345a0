"""Junctions of STAR."""

from __future__ import annotations

import gzip
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from fuzzing import BOM, FUZZ, PACKING, data_lines, texts, written
from hypothesis import given
from hypothesis import strategies as st

from meta_models.build.evidence import EvidenceSource, open_evidence
from meta_models.build.evidence.junctions import read_junctions
from meta_models.errors import InputError


def line(contig: str, first: int, last: int, strand: int, unique: int, multi: int, *, annotated: int = 0) -> str:
    return f"{contig}\t{first}\t{last}\t{strand}\t1\t{annotated}\t{unique}\t{multi}\t30\n"


def opened(folder: Path, *samples: list[str]) -> EvidenceSource:
    paths = [written(folder, f"{k}.SJ.out.tab", "".join(rows).encode()) for k, rows in enumerate(samples)]
    return open_evidence(f"j=star:{','.join(map(str, paths))}")


def at(source: EvidenceSource, position: int, strand: str, side: str) -> dict[str, float]:
    """Channels of one side at a 1-based position of c."""
    values = source.fetch("c", position - 1, position, strand)[0]
    return {
        name.removeprefix(f"{side}_"): float(value)
        for name, value in zip(source.channels, values, strict=True)
        if name.startswith(side)
    }


def test_channels_by_hand(tmp_path: Path) -> None:
    first = [line("c", 11, 20, 1, 6, 2), line("c", 11, 50, 1, 8, 0), line("c", 31, 50, 1, 1, 0)]
    source = opened(tmp_path, first, [line("c", 11, 20, 1, 0, 8)])
    donor = at(source, 10, "+", "donor")
    assert donor == {
        "unique": 14, "multi": 10, "partners": 2, "intron_shortest": 10, "intron_longest": 40, "intron_main": 10,
        "partner_entropy": pytest.approx(-(2 / 3 * np.log2(2 / 3) + 1 / 3 * np.log2(1 / 3))),
        "samples": 2, "sample_entropy": pytest.approx(donor["partner_entropy"]),
    }  # fmt: skip
    acceptor = at(source, 51, "+", "acceptor")
    assert {k: acceptor[k] for k in ("unique", "partners", "intron_shortest", "intron_main", "samples")} == {
        "unique": 9, "partners": 2, "intron_shortest": 20, "intron_main": 40, "samples": 1,
    }  # fmt: skip
    assert acceptor["partner_entropy"] == pytest.approx(-(8 / 9 * np.log2(8 / 9) + 1 / 9 * np.log2(1 / 9)))
    assert acceptor["sample_entropy"] == 0
    assert at(source, 10, "+", "acceptor")["unique"] == 0
    assert at(source, 10, "-", "donor")["unique"] == 0


def test_on_the_minus_strand_the_donor_lies_behind_the_intron(tmp_path: Path) -> None:
    source = opened(tmp_path, [line("c", 11, 20, 2, 5, 0)])
    assert at(source, 21, "-", "donor")["unique"] == 5
    assert at(source, 10, "-", "acceptor")["intron_main"] == 10
    values = source.fetch("c", 8, 22, "-")
    assert values[:, source.channels.index("donor_unique")].tolist() == [0, 5, *[0] * 12]


def test_nothing_there(tmp_path: Path) -> None:
    source = opened(tmp_path, [line("c", 11, 20, 1, 5, 0)])
    source.match_contigs({"chrc": 30, "chrd": 9})
    lengths = ["intron" in channel for channel in source.channels]
    for contig in ("chrc", "chrd"):
        values = source.fetch(contig, 0, 5, "+")
        assert np.isnan(values[:, lengths]).all()
        assert (values[:, ~np.array(lengths)] == 0).all()
    assert np.isnan(source.fetch("chrc", 29, 32, "+")[1:]).all(), "beyond the contig"
    assert source.fetch("chrc", 9, 10, "+")[0, 0] == 5


def test_annotated_does_not_matter_and_junctions_without_reads_or_strand_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    rows = [line("c", 11, 20, 1, 5, 0), line("c", 31, 40, 0, 5, 0)]
    one = opened(tmp_path, [*rows, line("c", 51, 60, 1, 0, 0, annotated=1)])
    assert "{'without_strand': 1, 'without_reads': 1}" in caplog.text
    assert {k: one.facts()[k] for k in ("samples", "lines", "without_strand", "without_reads")} == {
        "samples": 1, "lines": 3, "without_strand": 1, "without_reads": 1,
    }  # fmt: skip
    before = one.fetch("c", 0, 70, "+")
    other = opened(tmp_path, [row.replace("\t1\t0\t5", "\t1\t1\t5") for row in rows])
    np.testing.assert_array_equal(before, other.fetch("c", 0, 70, "+"))


def test_random_junctions_against_a_plain_count(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    samples, reads = [], defaultdict(lambda: np.zeros(3))
    for sample in range(3):
        keys = {
            (int(a), int(a + b), int(s)) for a, b, s in zip(*rng.integers(1, [[20], [9], [3]], (3, 60)), strict=True)
        }
        rows = []
        for first, last, strand in sorted(keys):
            unique, multi = (int(n) for n in rng.integers(0, 4, 2))
            rows.append(line("c", first, last, strand, unique, multi))
            reads[first, last, strand][sample] += unique + multi
        samples.append(rows)
    source = opened(tmp_path, *samples)
    for strand in (1, 2):
        for position in range(1, 31):
            for side in ("donor", "acceptor"):
                before = (strand == 1) == (side == "donor")
                used = {
                    (first, last): counts
                    for (first, last, s), counts in reads.items()
                    if s == strand and counts.sum() and (first - 1 == position if before else last + 1 == position)
                }
                found = at(source, position, "+-"[strand - 1], side)
                assert found["partners"] == len(used)
                if used:
                    by_sample = sum(used.values())
                    lengths = [last - first + 1 for first, last in used]
                    assert found["samples"] == (by_sample > 0).sum()
                    assert found["unique"] + found["multi"] == by_sample.sum()
                    assert (found["intron_shortest"], found["intron_longest"]) == (min(lengths), max(lengths))
                    for name, counts in (("partner", [c.sum() for c in used.values()]), ("sample", by_sample)):
                        shares = np.array([c for c in counts if c]) / sum(counts)
                        assert found[f"{name}_entropy"] == pytest.approx(-(shares * np.log2(shares)).sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("c\t1\t5\t1\n", "line 1: expected the 9 columns of SJ.out.tab"),
        (line("c", 0, 5, 1, 1, 1), "line 1: expected the 9 columns"),
        (line("c", 6, 5, 1, 1, 1), "line 1: expected the 9 columns"),
        (line("c", 1, 5, 3, 1, 1), "line 1: expected the 9 columns"),
        (line("c", 1, 5, 1, -1, 1), "line 1: expected the 9 columns"),
        (line("c", 2, 5, 1, 1, 1) * 3, "each junction must come once. Found 2 more, the first at c:2-5"),
    ],
)
def test_bad_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        opened(tmp_path, [text])


def test_packed_with_crlf_and_byte_order_mark(tmp_path: Path) -> None:
    text = BOM + line("c", 11, 20, 1, 5, 0).replace("\n", "\r\n").encode() + b"\r\n# end\r\n"
    path = written(tmp_path, "a.SJ.out.tab.gz", gzip.compress(text))
    assert read_junctions(path).rows["unique"].tolist() == [5]


NUMBER = st.integers(0, 30).map(str) | st.sampled_from(["-1", "x", "1e3", "999999999999999999"])
FIELDS = [st.sampled_from(["c", "d", ""]), NUMBER, st.integers(10, 40).map(str), st.sampled_from("01234"),
          st.just("1"), st.sampled_from("01"), NUMBER, NUMBER, st.just("9")]  # fmt: skip


@FUZZ
@given(raw=texts(FIELDS), pack=PACKING)
def test_any_file_is_read_whole_or_refused(raw: bytes, pack: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = written(tmp_path_factory.getbasetemp(), "fuzz.SJ.out.tab", pack(raw))  # type: ignore[operator]
    try:
        found = read_junctions(path)
        source = open_evidence(f"j=star:{path}")
    except InputError:
        return
    rows = [row.split("\t") for row in data_lines(raw)]
    assert found.lines == len(rows) == len(found.rows) + found.without_strand + found.without_reads
    counted = sum(
        int(source.fetch(contig, 0, 50, strand)[:, source.channels.index("donor_partners")].sum())
        for contig in source.contigs
        for strand in "+-"
    )
    assert counted == sum(
        1 for row in rows if row[3] in "12" and (row[1] != "1" or row[3] == "2") and int(row[6]) + int(row[7])
    )
