"""Columns of any type and name: read as what they are, or refused in one line that names the column."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st
from polars.testing.parametric import series
from reading import features_of, refusal
from tables import make_frame, write_table

from meta_models.schema import METADATA, is_row_index

FRAME = make_frame(n_genes=8, rows=15)
ROWS = FRAME.height
#: What a message may name instead of the column: what its values made of the table.
ABOUT = {"gene_id": "gene", "gene_family": "gene", "splice_type": "class"}
PLACES = (
    "feature_1", "3mer_ACG", "donor_score", "gene_id", "splice_type", "chrom", "position", "sampling_weight",
    "gene_family", "new_column", "alt_donor_score", "is_correct",
)  # fmt: skip
QUICK = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def with_column(folder: Path, name: str, values: pa.Array) -> Path:
    """The table with one column of this type, its few values repeated."""
    folder.mkdir(parents=True, exist_ok=True)
    table, column = FRAME.to_arrow(), values.take([i % len(values) for i in range(ROWS)])
    names = table.column_names
    table = table.set_column(names.index(name), name, column) if name in names else table.append_column(name, column)
    pq.write_table(table, folder / "table.parquet")
    return folder


@QUICK
@given(place=st.sampled_from(PLACES), values=series(min_size=1, max_size=6, excluded_dtypes=[pl.Int128, pl.UInt128]))
def test_any_column_is_read_or_refused_by_name(
    place: str, values: pl.Series, tmp_path_factory: pytest.TempPathFactory
) -> None:
    column = values.gather([i % len(values) for i in range(ROWS)])
    try:
        table = write_table(tmp_path_factory.mktemp("t"), FRAME.with_columns(column.alias(place)))
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        reject()  # polars cannot write it
    text = refusal(table)
    assert not text or repr(place) in text or ABOUT.get(place, "\0") in text, text


@QUICK
@given(name=st.text(st.characters(codec="utf-8"), min_size=1, max_size=300))
def test_any_name_is_a_feature_or_refused_by_name(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    assume(name not in FRAME.columns and name not in METADATA and not is_row_index(name))
    table = with_column(tmp_path_factory.mktemp("t"), name, pa.array([0.5, 0.25, 1.0]))
    text = refusal(table)
    assert repr(name) in text if text else name in features_of(table)


@pytest.mark.parametrize(
    "name", ["[x]", "a<b", "a,b", '"q"', "x" * 300, "é", "<script>", "f0", "weight", "{x}", "^a", "a$"]
)
def test_names_that_xgboost_or_a_browser_minds(tmp_path: Path, name: str) -> None:
    assert name in features_of(with_column(tmp_path / "t", name, pa.array([0.5, 0.25, 1.0])))


@pytest.mark.parametrize("name", ["*", "^x$", "^.*$", "", "a\nb", "a\tb", "a\0b"])
def test_names_that_mean_something_else_are_refused(tmp_path: Path, name: str) -> None:
    text = refusal(with_column(tmp_path / "t", name, pa.array([0.5, 0.25, 1.0])))
    assert repr(name) in text
    assert "table.parquet" in text


def test_names_that_stand_twice_are_refused(tmp_path: Path) -> None:
    pq.write_table(pa.Table.from_arrays([pa.array([1])] * 2, names=["a", "a"]), tmp_path / "table.parquet")
    assert "table.parquet' has twice: a" in refusal(tmp_path)


NUMBERS = {
    "decimal": pa.array([Decimal("1.25"), Decimal("0.5")], pa.decimal128(10, 2)),
    "dictionary of numbers": pa.array([1, 2]).dictionary_encode(),
    "bool": pa.array([True, False]),
    "beyond float32's whole numbers": pa.array([2**24 + 1, 2**63 - 1]),
    "uint64": pa.array([2**64 - 1, 0], pa.uint64()),
    "half": pa.array([0.5, 1.0], pa.float16()),
    "some null, some NaN": pa.array([1.0, None, float("nan")]),
    "all null": pa.array([None, None], pa.float64()),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_numbers_of_every_type_are_features(tmp_path: Path, kind: str) -> None:
    assert "extra" in features_of(with_column(tmp_path / "t", "extra", NUMBERS[kind]))


NO_NUMBERS = {
    "list": pa.array([[1, 2], [3]]),
    "struct": pa.array([{"a": 1}, {"a": 2}]),
    "map": pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())),
    "categories": pa.array(["a", "b"]).dictionary_encode(),
    "date": pa.array([dt.date(2020, 1, 1)]),
    "duration": pa.array([dt.timedelta(1)]),
    "bytes": pa.array([b"a\xff"]),
    "text": pa.array(["x"]),
    "no type at all": pa.nulls(2),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
def test_what_is_no_number_is_no_feature(tmp_path: Path, kind: str) -> None:
    assert "extra" not in features_of(with_column(tmp_path / "t", "extra", NO_NUMBERS[kind]))


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("column", ["donor_score", "sampling_weight"])
def test_what_is_no_number_is_no_score_and_no_weight(tmp_path: Path, kind: str, column: str) -> None:
    assert repr(column) in refusal(with_column(tmp_path / "t", column, NO_NUMBERS[kind]))


@pytest.mark.parametrize("kind", ["list", "struct", "map", "date", "duration", "bytes"])
@pytest.mark.parametrize("column", ["gene_id", "splice_type", "gene_family", "chrom"])
def test_what_is_no_text_is_no_identifier(tmp_path: Path, kind: str, column: str) -> None:
    text = refusal(with_column(tmp_path / "t", column, NO_NUMBERS[kind]))
    assert f"{column!r} of" in text
    assert "must hold text" in text


@pytest.mark.parametrize("values", [[1.0, float("inf")], [1.0, -1e300]])
def test_one_value_that_float32_cannot_hold_is_counted(tmp_path: Path, values: list[float]) -> None:
    text = refusal(with_column(tmp_path / "t", "extra", pa.array(values)))
    assert f"'extra': {ROWS // 2} rows" in text


def test_decimals_beyond_polars_are_named(tmp_path: Path) -> None:
    values = pa.array([Decimal("1.25")], pa.decimal256(50, 2))
    assert "'extra': decimal256(50, 2)" in refusal(with_column(tmp_path / "t", "extra", values))


GENES = {
    "slash": "a/{}", "dots": "../../{}", "line": "{}\nx", "tab": "{}\tx", "quote": '"{}', "long": "{}" * 60,
    "markup": "<script>{}</script>", "accent": "é{}", "not composed": "e\u0301{}", "comma": "{},x", "nul": "{}\0",
}  # fmt: skip


@pytest.mark.parametrize("kind", GENES)
def test_gene_ids_of_every_kind(tmp_path: Path, kind: str) -> None:
    genes = pl.Series("gene_id", [GENES[kind].replace("{}", gene) for gene in FRAME["gene_id"]])
    assert refusal(write_table(tmp_path / "t", FRAME.with_columns(genes))) == ""


@pytest.mark.parametrize("column", ["gene_id", "gene_family"])
@pytest.mark.parametrize(("one", "other"), [("\xe9", "e\u0301"), ("x", "x "), ("x", "\u2003x")])
def test_names_that_look_alike_would_part_one_gene(tmp_path: Path, column: str, one: str, other: str) -> None:
    names = pl.Series(column, [one if row == 0 else other if row == 1 else "y" for row in range(ROWS)])
    text = refusal(write_table(tmp_path / "t", FRAME.with_columns(names)))
    assert f"{column!r} in" in text
    assert f"{one!a} and {other!a}" in text or f"{other!a} and {one!a}" in text


def test_a_giant_gene_leaves_the_folds_uneven_but_whole(tmp_path: Path) -> None:
    genes = pl.Series("gene_id", ["giant" if row < 0.9 * ROWS else f"g{row % 5}" for row in range(ROWS)])
    assert refusal(write_table(tmp_path / "t", FRAME.with_columns(genes))) == ""


def test_a_gene_in_two_files_and_positions_that_repeat_with_other_values(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "a.parquet")
    FRAME.with_columns(pl.col("feature_0") + 1).write_parquet(tmp_path / "b.parquet")
    assert refusal(tmp_path) == ""


def test_no_other_base_model_has_the_name_of_the_main_one(tmp_path: Path) -> None:
    three = ("neither", "donor", "acceptor")
    frame = make_frame().with_columns(pl.col(f"{name}_score").alias(f"main_{name}_score") for name in three)
    write_table(tmp_path / "table", frame)
    assert "'main' is the name of the base model" in refusal(tmp_path / "table")
