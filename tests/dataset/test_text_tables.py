"""CSV and TSV as other programs write them, and as they are damaged."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest
from reading import refusal
from tables import make_frame

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.convert import convert_text
from meta_models.dataset.reading.files import Kind
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import WriteError

FRAME = make_frame(n_genes=8, rows=15)
TEXT = FRAME.write_csv()
LINES = TEXT.splitlines()


def with_line(number: int, change: Callable[[str], str]) -> str:
    """The table with one line changed."""
    return "\n".join([*LINES[:number], change(LINES[number]), *LINES[number + 1 :]]) + "\n"


def with_field(number: int, column: str, text: str) -> str:
    """The table with one field changed."""
    at = FRAME.columns.index(column)
    return with_line(number, lambda line: ",".join(text if k == at else f for k, f in enumerate(line.split(","))))


def damaged(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 255]) + data[at + 1 :]


READ: dict[str, tuple[str, bytes]] = {
    "byte order mark": ("a.csv", b"\xef\xbb\xbf" + TEXT.encode()),
    "carriage returns": ("a.csv", TEXT.replace("\n", "\r\n").encode()),
    "no final line end": ("a.csv", TEXT.rstrip("\n").encode()),
    "quoted tabs": ("a.tsv", FRAME.with_columns(chrom="a\tb" + pl.col("chrom")).write_csv(separator="\t").encode()),
    "quoted line ends": ("a.csv", FRAME.with_columns(chrom="a\nb" + pl.col("chrom")).write_csv().encode()),
    "packed": ("a.csv.gz", gzip.compress(TEXT.encode())),
    "packed in two members": ("a.csv.gz", gzip.compress(TEXT[:999].encode()) + gzip.compress(TEXT[999:].encode())),
    "packed, the suffix not saying so": ("a.csv", gzip.compress(TEXT.encode())),
    "the suffix saying so, not packed": ("a.csv.gz", TEXT.encode()),
    "capital suffix": ("A.TSV.GZ", gzip.compress(FRAME.write_csv(separator="\t").encode())),
    "a number beyond 64 bits": ("a.csv", with_field(9, "3mer_ACG", "9" * 30).encode()),
}


@pytest.mark.parametrize("case", READ)
def test_every_row_is_read(case: str, tmp_path: Path) -> None:
    name, content = READ[case]
    (tmp_path / name).write_bytes(content)
    dataset = open_dataset(tmp_path, work_dir=tmp_path / "_work")
    assert dataset.n_rows == FRAME.height
    assert set(FRAME.columns) == set(dataset.columns)
    assert "feature_1" in dataset.features
    assert refusal(tmp_path) == ""


REFUSED: dict[str, tuple[str, bytes, list[str]]] = {
    "empty": ("a.csv", b"", ["a.csv"]),
    "names only": ("a.csv", LINES[0].encode() + b"\n", ["rows"]),
    "packed, cut": ("a.csv.gz", gzip.compress(TEXT.encode())[:-500], ["a.csv.gz"]),
    "packed, damaged": ("a.csv.gz", damaged(gzip.compress(TEXT.encode()), 2000), ["a.csv.gz"]),
    "packed, wrong checksum": ("a.csv.gz", damaged(gzip.compress(TEXT.encode()), -6), ["a.csv.gz"]),
    "cut in a line": ("a.csv", TEXT[:-40].encode(), ["a.csv", "#121"]),
    "a line too short": ("a.csv", with_line(50, lambda line: line.rsplit(",", 2)[0]).encode(), ["a.csv", "#51"]),
    "a line too long": ("a.csv", with_line(50, lambda line: line + ",1,2").encode(), ["a.csv", "#51"]),
    "a quote not closed": ("a.csv", with_line(50, lambda line: '"' + line).encode(), ["a.csv"]),
    "a comment first": ("a.csv", b"# made by hand\n" + TEXT.encode(), ["a.csv"]),
    "latin-1": ("a.csv", TEXT.replace("G0001", "G\xe9").encode("latin-1"), ["a.csv", "utf-8"]),
    "utf-16": ("a.csv", TEXT.encode("utf-16"), ["a.csv"]),
    "names twice": ("a.csv", TEXT.replace("feature_1", "feature_0", 1).encode(), ["a.csv", "twice: feature_0"]),
    "an index column": ("a.csv", "\n".join(f",{line}" for line in LINES).encode(), ["a.csv", "index=False"]),
    "tabs in CSV": ("a.csv", FRAME.write_csv(separator="\t").encode(), ["a.csv"]),
    "commas in TSV": ("a.tsv", TEXT.encode(), ["gene_id"]),
    "semicolons": ("a.csv", FRAME.write_csv(separator=";").encode(), ["gene_id"]),
    "no names": ("a.csv", TEXT.split("\n", 1)[1].encode(), ["gene_id"]),
    "text among scores": ("a.csv", with_field(9, "donor_score", "?").encode(), ["'donor_score'"]),
    "infinite": ("a.csv", with_field(9, "3mer_ACG", "inf").encode(), ["'3mer_ACG': 1 rows"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_nothing_is_mended_in_silence(case: str, tmp_path: Path) -> None:
    name, content, words = REFUSED[case]
    (tmp_path / name).write_bytes(content)
    text = refusal(tmp_path)
    assert all(word in text for word in words), text


def test_files_of_other_types_are_named_as_the_user_knows_them(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "a.csv")
    FRAME.with_columns(feature_1=pl.lit("x")).write_csv(tmp_path / "b.csv")
    assert "a.csv: column 'feature_1' is double, b.csv: column 'feature_1' is" in refusal(tmp_path)


def test_names_that_are_numbers_are_one_in_files_with_and_without_gaps(tmp_path: Path) -> None:
    whole = FRAME.with_columns(gene_family=pl.col("gene_id").str.slice(1).cast(pl.Int64) % 3)
    gaps = pl.when(pl.col("gene_id") != "G0007").then("gene_family").cast(pl.Float64)
    whole.write_csv(tmp_path / "a.csv")
    whole.with_columns(gene_family=gaps, chrom=pl.lit("1.5")).write_csv(tmp_path / "b.csv")
    assert ",1.0\n" in (tmp_path / "b.csv").read_text()
    positions = read_positions(open_dataset(tmp_path, work_dir=tmp_path / "_work"))
    assert set(positions.frame["family"].cast(pl.String)) == {"0", "1", "2", "gene:G0007"}
    assert "1.5" in set(positions.frame["chrom"].cast(pl.String))


@pytest.mark.parametrize("column", ["feature_1", "position"])
def test_a_column_may_be_empty_in_one_of_the_files(tmp_path: Path, column: str) -> None:
    FRAME.write_csv(tmp_path / "a.csv")
    FRAME.with_columns(pl.lit(None).alias(column)).write_csv(tmp_path / "b.csv")
    dataset = open_dataset(tmp_path, work_dir=tmp_path / "_work")
    assert dataset.kind(column) is Kind.NUMERIC
    found = pl.concat(dataset.iter_frames([pl.col(column).cast(pl.Float32)], FRAME.height))[column]
    assert found.null_count() == FRAME.height
    assert refusal(tmp_path) == ""


def test_a_file_without_rows_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    FRAME.write_csv(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text(LINES[0] + "\n")
    dataset = open_dataset(tmp_path, work_dir=tmp_path / "_work")
    assert [file.origin.name for file in dataset.files] == ["a.csv"]
    assert dataset.dtype("feature_1") == "double"
    assert "no rows: b.csv" in caplog.text


def test_files_without_rows_alone_are_no_table(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(LINES[0] + "\n")
    assert "Found 0 in 2 files" in refusal(tmp_path)


def test_a_column_that_one_value_makes_text_is_told_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.csv").write_text(with_field(9, "3mer_ACG", "about 3"))
    with caplog.at_level(logging.WARNING):
        assert refusal(tmp_path) == ""
    assert "'3mer_ACG'" in caplog.text
    assert "1 of its 120 values are no numbers, such as 'about 3'" in caplog.text


def test_the_first_row_that_is_text_is_named_however_many_there_are(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    many = make_frame(n_genes=80, rows=30).with_columns(pl.col("3mer_ACG").cast(pl.String))
    number = pl.int_range(pl.len())
    words = pl.when(number % 5 == 3).then("word " + number.cast(pl.String)).otherwise("3mer_ACG").alias("3mer_ACG")
    many.with_columns(words).write_csv(tmp_path / "a.csv")
    with caplog.at_level(logging.WARNING):
        assert refusal(tmp_path) == ""
    assert "480 of its 2400 values are no numbers, such as 'word 3' in row 4" in caplog.text


def test_what_was_converted_carries_checksums_and_is_compared_before_each_pass(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "a.csv")
    (file,) = convert_text((tmp_path / "a.csv",), tmp_path / "work")
    assert pq.read_metadata(file.path).num_rows == FRAME.height
    dataset = open_dataset(tmp_path / "a.csv", work_dir=tmp_path / "work")
    path = dataset.files[0].path
    path.write_bytes(damaged(path.read_bytes(), 1000))
    with pytest.raises(WriteError, match="as it was written"):
        list(dataset.iter_matrix(dataset.features))


def test_names_are_text_also_where_they_look_like_numbers(tmp_path: Path) -> None:
    number = pl.col("gene_id").str.slice(1)
    first = FRAME.with_columns(gene_id=number, chrom=pl.lit("1"), strand=pl.lit("-1"))
    second = FRAME.with_columns(gene_id="E" + number, chrom=pl.lit("X"), strand=pl.lit("+"))
    first.filter(pl.col("splice_type") == "neither").with_columns(splice_type=pl.lit("0")).write_csv(tmp_path / "1.csv")
    second.write_csv(tmp_path / "x.csv")
    positions = read_positions(open_dataset(tmp_path, work_dir=tmp_path / "_work"))
    genes = positions.frame["gene_id"].cast(pl.String)
    assert genes.min() == "0000"
    assert genes.max() == "E0007"
    assert set(positions.frame["chrom"].cast(pl.String)) == {"1", "X"}
