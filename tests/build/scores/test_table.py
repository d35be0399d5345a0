"""Long tables of scores."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from fuzzing import FUZZ, PACKING, data_lines, texts, written
from hypothesis import given
from hypothesis import strategies as st

from meta_models.build.scores import ScoreSource, open_scores
from meta_models.errors import InputError

TSV = "chrom\tposition\tstrand\tdonor\tacceptor\n"
ROWS = {
    "chrom": ["c", "c", "d", "c"], "position": [3, 1, 7, 1], "strand": ["+", "+", "-", "-"],
    "donor": [0.5, 0.25, 0.0, 1.0], "acceptor": [0.125, 0.5, 0.75, 0.0],
}  # fmt: skip
LOW = {"chrom": "c", "position": 5, "strand": "-", "donor": 0.0, "acceptor": 0.0}
#: A row of two zeros says that no row is missing for its low scores.
COMPLETE = {name: [*values, LOW[name]] for name, values in ROWS.items()}


def check(source: ScoreSource) -> None:
    assert (source.kind, source.contigs) == ("table", ("c", "d"))
    assert source.fetch("c", 0, 3, "+").tolist()[::2] == [[0.25, 0.5], [0.5, 0.125]]
    assert np.isnan(source.fetch("c", 0, 3, "+")[1]).all()
    assert source.fetch("c", 0, 1, "-").tolist() == [[1, 0]]
    assert source.fetch("d", 6, 7, "-").tolist() == [[0, 0.75]]
    assert np.isnan(source.fetch("d", 6, 7, "+")).all()
    assert np.isnan(source.fetch("e", 6, 7, "+")).all()


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz", "a.csv", "a.parquet", "b.parquet"])
def test_all_formats(tmp_path: Path, name: str) -> None:
    frame = pl.DataFrame(COMPLETE)
    path = tmp_path / name
    if name == "a.parquet":
        frame.with_columns(pl.col("chrom", "strand").cast(pl.Categorical)).write_parquet(path)
    elif name == "b.parquet":
        strands = frame["strand"].replace_strict({"+": 1, "-": -1}, return_dtype=pl.Int8)
        frame = frame.with_columns(strands.alias("strand"), pl.lit(3.5).alias("other"))
        frame.select("acceptor", "other", "donor", "strand", "position", "chrom").write_parquet(path)
    else:
        text = frame.write_csv(separator="," if "csv" in name else "\t").encode()
        path.write_bytes(gzip.compress(text) if name.endswith("gz") else text)
    with open_scores(f"main={path}", scratch=tmp_path) as source:
        check(source)
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("low", [0.0, 1e-6])
def test_rows_of_two_low_scores_may_be_missing(tmp_path: Path, low: float) -> None:
    rng = np.random.default_rng(0)
    high = rng.uniform(0.01, 1, 2000).round(4)
    donor = rng.random(2000) < 0.5
    frame = pl.DataFrame({
        "chrom": "c", "position": 50 * np.arange(1, 2001), "strand": "+",
        "donor": np.where(donor, high, low), "acceptor": np.where(donor, 0, high),
    })  # fmt: skip
    frame.write_parquet(tmp_path / "a.parquet")
    with open_scores(f"main={tmp_path / 'a.parquet'}") as source:
        assert source.sparse
        assert source.fetch("c", 10, 12, "+").tolist() == [[0, 0], [0, 0]]
    with_zeros = pl.concat([frame, frame[:1].with_columns(position=7, donor=0.0, acceptor=0.0)], how="vertical_relaxed")
    with_zeros.write_parquet(tmp_path / "a.parquet")
    with open_scores(f"main={tmp_path / 'a.parquet'}") as source:
        assert not source.sparse


def test_rows_that_are_left_out_below_a_score_make_a_floor(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    scores = 10 ** rng.uniform(-7, -0.01, (20_000, 2))
    scores /= np.maximum(scores.sum(axis=1, keepdims=True), 1)
    frame = pl.DataFrame({
        "chrom": "c", "position": np.arange(1, 20_001), "strand": "+",
        "donor": scores[:, 0].astype("f4"), "acceptor": scores[:, 1].astype("f4"),
    })  # fmt: skip
    frame.write_parquet(tmp_path / "whole.parquet")
    kept = frame.filter(pl.max_horizontal("donor", "acceptor") >= 0.01)
    kept.write_parquet(tmp_path / "some.parquet")
    with open_scores(f"a={tmp_path / 'whole.parquet'}") as whole, open_scores(f"b={tmp_path / 'some.parquet'}") as some:
        assert (whole.floor.floor, whole.sparse) == (0, False)
        assert (some.floor.floor, some.sparse) == (0.01, True)
        every = whole.fetch("c", 0, 20_000, "+")
        assert (some.fetch("c", 0, 20_000, "+") == np.where(every < np.float32(0.01), 0, every)).all()
        assert (every > 0).all()


def test_the_header_may_be_a_comment_and_values_quoted(tmp_path: Path) -> None:
    text = pl.DataFrame(COMPLETE).write_csv(separator="\t", quote_style="non_numeric").replace('"chrom"', "#chrom", 1)
    with open_scores(f"main={written(tmp_path, 'a.tsv', text.encode())}") as source:
        check(source)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Found .*missing: chrom, position"),
        ("chrom\tpos\tstrand\tdonor\tacceptor\n", r"Found chrom, pos, strand, donor, acceptor \(missing: position\)"),
        ("chrom\tposition\tstrand\tdonor\tacceptor\tdonor\n", "twice: donor"),
        (TSV, "must hold rows"),
        (TSV + "c\t1\t+\t0.5\n", "line 2: expected 5 columns"),
        (TSV + "c\t0\t+\t0.5\t0\n", "line 2: expected a contig, a position from 1 on"),
        (TSV + "c\t1\t.\t0.5\t0\n", "line 2: expected a contig"),
        (TSV + "c\t1\t+\t\t0\n", "line 2: expected a contig"),
        (TSV + "c\t1\t+\t0.5\tnan\n", r"Found 1 NaN, the first: 0.5, nan at c:1 \(\+\), line 2"),
        (TSV + "c\t1\t+\t0.5\t0\nc\t2\t+\t-3\t0\n", "Found 1 others, the first: -3, 0 at c:2 .*line 3.*log-odds"),
        (TSV + "c\t1\t+\t0.7\t0.5\n", "must sum to 1 at most. Found 1 positions"),
        (TSV + "c\t9\t+\t0.5\t0\nc\t9\t+\t0.5\t0\n", r"Found 1 more, the first at c:9 \(\+\)"),
        (TSV.replace("\n", "\tneither\n") + "c\t9\t+\t0.5\t0.1\t0.9\n", "must sum to 1. Found 1 other sums"),
    ],
)
def test_bad_text(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, "a.tsv", text.encode())
    with pytest.raises(InputError, match=message):
        open_scores(f"main={path}", scratch=tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.tsv"], "working files are removed"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"position": [3, 0, 7, 1]}, "positions count from 1. Found 0 in row 2"),
        ({"position": [3.0, 1.0, 7.0, 1.0]}, "position must hold whole numbers. Found the type double"),
        ({"strand": ["+", "+", ".", "-"]}, "strand holds . and -. Found '.'"),
        ({"strand": ["+", None, "-", "-"]}, "column strand must not have nulls. Found 1 from row 2 on"),
        ({"donor": ["a", "b", "c", "d"]}, "donor must hold numbers"),
        ({"donor": [0.5, 0.25, 0.0, float("nan")]}, r"Found 1 NaN, the first: nan, 0 at c:1 \(-\), row 4"),
        ({"donor": [0.5, 1e300, 0.0, 0.0]}, r"Found 1 others, the first: inf, 0.5 at c:1 \(\+\), row 2"),
        ({"neither": [0.375, 0.25, 0.25, 0.5]}, r"Found 1 other sums, .*at c:1 \(-\), row 4"),
    ],
)
def test_bad_parquet(tmp_path: Path, change: dict[str, list[Any]], message: str) -> None:
    pl.DataFrame({**ROWS, **change}, strict=False).write_parquet(tmp_path / "a.parquet")
    with pytest.raises(InputError, match=message):
        open_scores(f"main={tmp_path / 'a.parquet'}", scratch=tmp_path)


def test_no_parquet(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a readable Parquet file"):
        open_scores(f"main={written(tmp_path, 'a.parquet', b'PAR1nonsense')}")


FIELDS = [
    st.sampled_from(["c", "chrom"]), st.integers(0, 30).map(str) | st.sampled_from(["x", "1.0"]),
    st.sampled_from(["+", "-", "1", "-1", "."]), st.sampled_from(["0.5", "0", "nan", "-1"]),
    st.sampled_from(["0.5", "0"]),
]  # fmt: skip


@FUZZ
@given(raw=texts(FIELDS), pack=PACKING)
def test_any_file_is_read_whole_or_refused(raw: bytes, pack: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, whole = tmp_path_factory.getbasetemp(), TSV.encode() + raw
    path = written(folder, "fuzz.tsv", pack(whole))  # type: ignore[operator]
    try:
        source = open_scores(f"main=table:{path}", scratch=folder)
    except InputError:
        return
    with source:
        rows = [[field.strip() for field in line.split("\t")] for line in data_lines(whole)[1:]]
        found = [source.fetch(contig, 0, 40, strand) for contig in source.contigs for strand in "+-"]
    assert sum(int((~np.isnan(scores[:, 0])).sum()) for scores in found) >= len(rows)
