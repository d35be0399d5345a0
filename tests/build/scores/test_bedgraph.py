"""Four bedGraph files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from fuzzing import BOM, FUZZ, PACKING, data_lines, texts, without_headers, written
from hypothesis import given
from hypothesis import strategies as st
from pseudo_genome import PseudoGenome

from meta_models.build.scores import open_scores
from meta_models.build.scores.bedgraph import read_bedgraph
from meta_models.build.scores.store import IntervalStore
from meta_models.errors import InputError

NAN = np.nan


def four(folder: Path, donor_plus: bytes, **others: bytes) -> Path:
    """A folder with the four files; those not given have a single line on another contig."""
    folder.mkdir(exist_ok=True)
    for name in ("donor_plus", "donor_minus", "acceptor_plus", "acceptor_minus"):
        data = donor_plus if name == "donor_plus" else others.get(name, b"z\t0\t1\t0.5\n")
        written(folder, f"{name}.bedGraph", data)
    return folder


def test_intervals_strands_and_headers(tmp_path: Path) -> None:
    folder = four(
        tmp_path / "s",
        BOM + b"track type=bedGraph\r\n#c\r\nc\t2\t4\t0.25\r\n\r\nc 5 6 1e-1\r\n",
        acceptor_plus=b"c\t0\t6\t0.5\n",
        donor_minus=b"c\t0\t2\t0\nc\t4\t6\t0.125\n",
        acceptor_minus=gzip.compress(b"c\t0\t6\t0.75\n"),
    )
    with open_scores(f"main={folder}", scratch=tmp_path) as source:
        assert (source.key, source.kind) == ("main", "bedgraph")
        plus, minus = source.fetch("c", -1, 7, "+"), source.fetch("c", 0, 6, "-")
    donor = np.array([NAN, NAN, NAN, 0.25, 0.25, NAN, 0.1, NAN], np.float32)
    np.testing.assert_array_equal(plus, np.stack([donor, np.float32([NAN, *[0.5] * 6, NAN])], axis=1))
    np.testing.assert_array_equal(minus[:, 0], np.float32([0.125, 0.125, NAN, NAN, 0, 0]))
    np.testing.assert_array_equal(minus[:, 1], np.float32([0.75] * 6))
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_a_sparse_track_has_zeros_where_it_has_nothing_and_nan_where_it_does_not_reach(tmp_path: Path) -> None:
    text = b"".join(b"c\t%d\t%d\t0.%03d\n" % (k * 7, k * 7 + 1, k + 1) for k in range(99))
    folder = four(tmp_path / "s", text, acceptor_plus=b"c\t3\t4\t0.5\n", donor_minus=b"c\t3\t4\t0.5\n")
    with open_scores(f"main={folder}") as source:
        assert source.sparse
        assert source.fetch("c", 0, 4, "+").tolist() == [[np.float32(0.001), 0], [0, 0], [0, 0], [0, 0.5]]
        assert np.isnan(source.fetch("c", 0, 4, "-")).all(), "no acceptors on -"
        source.match_contigs({"chrc": 5})
        assert source.contigs == ("chrc",)
        assert source.fetch("chrc", 3, 7, "+")[:, 1].tolist()[:2] == [0.5, 0]
        assert np.isnan(source.fetch("chrc", 5, 7, "+")).all(), "beyond the contig"
        facts = source.facts()
    assert (facts["kind"], facts["absent"], facts["decimals"], facts["floor"]) == ("bedgraph", "zero", 3, 0.001)
    assert set(facts["files"]) == {"donor_plus", "donor_minus", "acceptor_plus", "acceptor_minus"}
    assert str(tmp_path) not in repr(facts)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"c\t0\t1\n", "line 1: expected contig, start, end"),
        (b"c\t0\t1\t0.5\nc\t5\t5\t0.5\n", "line 2: expected contig, start, end"),
        (b"c\t0\t1\tNA\n", "line 1: expected contig"),
        (b"c\t0\t1\tnan\nd\t1\t2\tnan\n", "Found 2 NaN, the first: nan at line 1"),
        (b"c\t0\t1\t0.5\nc\t1\t2\t-1.5\n", "Found 1 others, the first: -1.5 at line 2.*log-odds or delta"),
        (b"c\t0\t1\t1e300\n", "Found 1 others, the first: inf at line 1"),
        (b"c\t0\t5\t0.5\nc\t4\t6\t0.5\n", r"Found 1 more, the first at c:5 \(\+\)"),
    ],
)
def test_bad_files(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_scores(f"main={four(tmp_path / 's', text)}", scratch=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["s"], "working files are removed"


def test_a_sum_above_one_is_found_when_fetched(tmp_path: Path) -> None:
    folder = four(tmp_path / "s", b"c\t0\t3\t0.6\n", acceptor_plus=b"c\t0\t2\t0.1\nc\t2\t3\t0.6\n")
    with open_scores(f"main={folder}") as source:
        assert source.fetch("c", 0, 2, "+").shape == (2, 2)
        with pytest.raises(InputError, match=r"Found 1 positions above, the first: donor 0\.6 \+ acceptor 0\.6 at c:3"):
            source.fetch("c", 0, 3, "+")


def left_out(scores: pl.Expr, floor: float, decimals: int | None) -> pl.Expr:
    rounded = scores if decimals is None else scores.round(decimals)
    return pl.when(rounded >= floor).then(rounded).otherwise(0.0)


@pytest.mark.real_data
@pytest.mark.parametrize(("floor", "decimals"), [(0.0, None), (0.001, None), (0.01, 2)])
def test_low_scores_of_real_genes_that_were_left_out_are_zeros(
    worm: PseudoGenome, tmp_path: Path, floor: float, decimals: int | None
) -> None:
    table = worm.folder / "scores" / "honeybee400.parquet"
    changed = pl.read_parquet(table).with_columns(left_out(pl.col("donor", "acceptor"), floor, decimals))
    changed.write_parquet(tmp_path / "t.parquet")
    for column in ("donor", "acceptor"):
        for strand, word in (("+", "plus"), ("-", "minus")):
            rows = changed.filter(pl.col("strand") == strand, (pl.col(column) > 0) | (floor == 0))
            rows = rows.select("chrom", pl.col("position") - 1, pl.col("position").alias("end"), column)
            rows.write_csv(tmp_path / f"{column}_{word}.bedGraph", separator="\t", include_header=False)
    with (
        open_scores(f"main={tmp_path / 't.parquet'}") as whole,
        open_scores(f"main=bedgraph:{tmp_path}") as source,
    ):
        assert (source.floor.floor, source.floor.decimals, source.sparse) == (floor, decimals, floor > 0)
        assert not whole.sparse
        assert whole.floor.same_as(source.floor)
        for gene in worm.genes:
            np.testing.assert_array_equal(source.fetch(*gene), whole.fetch(*gene))


LINES = texts(
    [st.sampled_from(["c", "chr 1", "d"]), st.integers(0, 40).map(str), st.integers(20, 90).map(str),
     st.sampled_from(["0", "0.5", "1", "1e-3", "-1", "nan", "x", "0.5 "])],
    ("\t", "\t", "\t", " "),
)  # fmt: skip


@FUZZ
@given(raw=LINES, pack=PACKING)
def test_any_file_is_read_whole_or_refused(raw: bytes, pack: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.getbasetemp()
    path = written(folder, "fuzz.bedGraph", pack(raw))  # type: ignore[operator]
    store = IntervalStore(folder, 1, "x")
    try:
        count = read_bedgraph(path, "+", store)
        store.finish()
    except InputError:
        return
    finally:
        found = {contig: store.fetch(contig, "+", 0, 100) for contig, _ in store.places}
        store.close()
    lines = [line.split("\t") if "\t" in line else line.split() for line in without_headers(data_lines(raw))]
    assert count == len(lines)
    assert sum(int((~np.isnan(values)).sum()) for values in found.values()) == sum(
        min(int(end), 100) - min(int(start), 100) for _, start, end, _ in lines
    )
    for contig, start, _, value in lines:
        assert int(start) > 99 or found[contig.strip()][int(start), 0] == np.float32(value)
