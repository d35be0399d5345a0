"""Quotation marks in text tables swallow no rows."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from reading import refusal
from tables import make_frame

from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.lines import quote_of
from meta_models.dataset.reading.open import open_dataset

FRAME = make_frame(n_genes=8)


def marked(first: int, last: int) -> pl.DataFrame:
    """A text begins with a quotation mark in one row, and one ends with it in another."""
    texts = ['"abc' if k == first else 'x"' if k == last else "g" for k in range(FRAME.height)]
    return FRAME.with_columns(gene_name=pl.Series(texts)).select(
        "gene_id", "gene_name", pl.exclude("gene_id", "gene_name")
    )


def written(folder: Path, name: str, frame: pl.DataFrame, quote_style: str) -> Path:
    folder.mkdir(exist_ok=True)
    separator = "\t" if ".tsv" in name else ","
    data = frame.write_csv(separator=separator, quote_style=quote_style).encode()
    (folder / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    return folder


@pytest.mark.parametrize("name", ["a.tsv", "a.tsv.gz"])
def test_a_quotation_mark_in_tsv_is_a_character(tmp_path: Path, name: str) -> None:
    dataset = open_dataset(written(tmp_path / "t", name, marked(10, 90), "never"), work_dir=tmp_path)
    assert dataset.n_rows == FRAME.height
    labels = read_positions(dataset).frame["label"].to_list()
    mapping = {"neither": 0, "donor": 1, "acceptor": 2}
    assert labels == FRAME["splice_type"].replace_strict(mapping).to_list()


@pytest.mark.parametrize("last", [11, 12, 90])
def test_rows_in_a_quoted_text_of_csv_are_missed(tmp_path: Path, last: int) -> None:
    text = refusal(written(tmp_path / "t", "a.csv", marked(10, last), "never"))
    assert f"Found {FRAME.height} lines after the header" in text
    assert f"made {FRAME.height - (last - 10)} rows" in text


@pytest.mark.parametrize("style", ["always", "necessary"])
def test_quoted_tables_are_read(tmp_path: Path, style: str) -> None:
    frame = FRAME.with_columns(gene_name=pl.lit('a "b"\tc'))
    for name in ("a.tsv", "a.csv"):
        folder = written(tmp_path / name, name, frame, style)
        assert refusal(folder) == ""
        assert open_dataset(folder, work_dir=tmp_path / "w" / name).n_rows == FRAME.height


def test_line_ends_in_texts_of_csv(tmp_path: Path) -> None:
    frame = FRAME.with_columns(gene_name=pl.lit("one\n\ntwo\n"))
    assert refusal(written(tmp_path / "t", "a.csv", frame, "necessary")) == ""


def test_who_quotes(tmp_path: Path) -> None:
    for number, (name, header, quote) in enumerate((
        ("a.csv", "a,b", '"'), ("a.tsv", "a\tb", None), ("a.tsv", '"a"\t"b"', '"'), ("a.tsv", '"a\tb"', None),
        ("a.tsv", '\ufeff"a"\t"b"\r', '"'), ("a.tsv", "", None),
    )):  # fmt: skip
        path = tmp_path / f"{number}{name}"
        path.write_text(header + "\n1\t2\n", encoding="utf-8", newline="")
        assert quote_of(path, "\t" if ".tsv" in name else ",") == quote
