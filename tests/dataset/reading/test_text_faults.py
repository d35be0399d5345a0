"""Faults of text tables are told in the user's terms; empty lines are none."""

from __future__ import annotations

import gzip
from pathlib import Path

import polars as pl
import pytest
from reading import refusal
from tables import make_frame

from meta_models.dataset.reading.open import open_dataset

FRAME = make_frame(n_genes=8, rows=15)
LINES = FRAME.write_csv().splitlines()
AT = FRAME.columns.index("donor_score")


def changed(column: int, row: int, value: str) -> list[str]:
    fields = LINES[row].split(",")
    fields[column] = value
    return [*LINES[:row], ",".join(fields), *LINES[row + 1 :]]


BLANK = {
    "at the end": "\n".join([*LINES, "", ""]).encode(),
    "three at the end": "\n".join([*LINES, "", "", "", ""]).encode(),
    "in the middle": "\n".join([*LINES[:9], "", *LINES[9:], ""]).encode(),
    "of Windows": "\r\n".join([*LINES, "", ""]).encode(),
    "packed": gzip.compress("\n".join([*LINES, "", ""]).encode()),
}


@pytest.mark.parametrize("case", BLANK)
def test_empty_lines_are_no_rows(case: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(BLANK[case])
    assert refusal(tmp_path / "t.csv") == ""
    assert open_dataset(tmp_path / "t.csv", work_dir=tmp_path / "w").n_rows == FRAME.height


FAULTS = {
    "rows of separators": ([*LINES, "," * (len(FRAME.columns) - 1), ""], "Found 2 rows without a gene"),
    "a comment first": (["# made by hand", *LINES], "The first line of .* Found a comment, '# made by hand'"),
    "a comment later": ([*LINES[:5], "# half", *LINES[5:]], r"Line 6 begins with '#': '# half'"),
    "an empty first line": (["", *LINES], "The first line of .* It is empty"),
    "a word among scores": (changed(AT, 7, "low"), r"'donor_score' .* 1 of its 120 values .* 'low' in row 7"),
    "a word among positions": (changed(2, 120, "end"), r"'position' .* 'end' in row 120"),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("columns", [0, 400])
def test_lines_that_end_in_carriage_returns_alone_are_refused_at_once(
    columns: int, packed: bool, tmp_path: Path
) -> None:
    names = ",".join([LINES[0], *(f"a_feature_with_a_long_name_{k}" for k in range(columns))])
    lines = [names, *(line + ",0" * columns for line in LINES[1:])]
    data = "\r".join([*lines, ""]).encode()
    path = tmp_path / ("t.csv.gz" if packed else "t.csv")
    path.write_bytes(gzip.compress(data) if packed else data)
    assert "Found a carriage return alone" in refusal(path)


@pytest.mark.parametrize("case", FAULTS)
def test_faults_are_named(case: str, tmp_path: Path) -> None:
    lines, words = FAULTS[case]
    (tmp_path / "t.csv").write_text("\n".join([*lines, ""]))
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(refusal(tmp_path / "t.csv"))


@pytest.mark.parametrize(
    ("data", "words"), [("\n".join(LINES).encode("utf-16"), "UTF-16"), (b"PK\3\4" + bytes(90), "workbook")]
)
def test_other_files_under_the_name_of_text_are_named(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    assert words in refusal(tmp_path / "t.csv")


def test_a_word_among_the_scores_of_a_parquet_file_is_named(tmp_path: Path) -> None:
    values = [*map(str, FRAME["donor_score"][:20]), "N/A", *map(str, FRAME["donor_score"][21:])]
    FRAME.with_columns(pl.Series("donor_score", values)).write_parquet(tmp_path / "t.parquet")
    assert "row 21 holds 'N/A'" in refusal(tmp_path / "t.parquet")
