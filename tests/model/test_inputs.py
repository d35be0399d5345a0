import logging

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from fitted_models import FEATURES, rows

from meta_models.errors import InputError
from meta_models.learners.xgboost.missing import MISSING, fill_missing
from meta_models.model import as_matrix, inputs

X = rows(50)
FRAME = pl.DataFrame({name: X[:, i] for i, name in enumerate(FEATURES)}).with_columns(pl.all().fill_nan(None))


def tables(frame=FRAME):
    table = frame.to_arrow()
    return {
        "polars": frame,
        "pandas": frame.to_pandas(),
        "pandas-nullable": frame.to_pandas().convert_dtypes(),
        "pandas-arrow": frame.to_pandas(use_pyarrow_extension_array=True),
        "arrow": table,
        "arrow-batch": table.combine_chunks().to_batches()[0],
    }


KINDS = sorted(tables())


@pytest.mark.parametrize("kind", KINDS)
def test_tables_of_every_kind_give_the_same_matrix_whatever_the_order(kind):
    shuffled = FRAME.with_columns(gene_id=pl.lit("g"), other=pl.lit(1.0)).select(
        ["other", *reversed(FEATURES), "gene_id"]
    )
    result = as_matrix(tables(shuffled)[kind], FEATURES)
    np.testing.assert_array_equal(result, X)
    assert result.dtype == np.float32
    assert result.flags.c_contiguous


@pytest.mark.parametrize("kind", KINDS)
def test_an_absent_kmer_counts_zero_and_is_logged(kind, caplog):
    with caplog.at_level(logging.INFO, logger="meta_models"):
        result = as_matrix(tables(FRAME.drop("3mer_ACG"))[kind], FEATURES)
    expected = X.copy()
    expected[:, FEATURES.index("3mer_ACG")] = 0
    np.testing.assert_array_equal(result, expected)
    assert "3mer_ACG" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
def test_other_missing_columns_are_refused_with_a_diff(kind):
    table = tables(FRAME.rename({"donor_score": "Donor_Score"}).drop("gc_content"))[kind]
    with pytest.raises(InputError) as caught:
        as_matrix(table, FEATURES)
    assert "  - donor_score\n  - gc_content\n  + Donor_Score" in str(caught.value)
    assert "2 missing" in str(caught.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_of_nothing_but_absent_kmers_keeps_its_rows(kind):
    result = as_matrix(tables(FRAME.select("gc_content"))[kind], ["2mer_AC", "2mer_GT"])
    assert result.shape == (50, 2)
    assert not result.any()


@pytest.mark.parametrize("kind", KINDS)
def test_text_columns_are_refused(kind):
    table = tables(FRAME.with_columns(gc_content=pl.lit("1.5")))[kind]
    with pytest.raises(InputError, match="gc_content"):
        as_matrix(table, FEATURES)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e39, -1e39, -2e30])
def test_infinite_and_too_large_values_name_column_and_count(kind, value):
    bad = FRAME.with_columns(pl.col("gc_content").cast(pl.Float64))
    bad = bad.with_columns(gc_content=pl.when(pl.int_range(pl.len()) < 3).then(value).otherwise("gc_content"))
    with pytest.raises(InputError, match=r"gc_content \(3\)"):
        as_matrix(tables(bad)[kind], FEATURES)


def test_counts_of_bad_values_cover_all_chunks(monkeypatch):
    monkeypatch.setattr(inputs, "CHUNK_VALUES", 1)
    bad = np.zeros((5000, 2))
    bad[::1000, 1] = np.inf
    with pytest.raises(InputError, match=r"b \(5\)"):
        list(inputs.open_rows(bad, ("a", "b")).chunks())


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8, bool, ">f4"])
def test_arrays_of_numbers_are_converted(dtype):
    array = np.arange(12).reshape(3, 4).astype(dtype)
    np.testing.assert_array_equal(as_matrix(array, list("abcd")), array.astype(np.float32))


def test_other_column_types():
    frame = pl.DataFrame({"a": [True, False], "b": [None, None], "c": [1, None]}, schema_overrides={"c": pl.Int64})
    expected = np.array([[1, np.nan, 1], [0, np.nan, np.nan]], np.float32)
    np.testing.assert_array_equal(as_matrix(frame, ["a", "b", "c"]), expected)
    np.testing.assert_array_equal(as_matrix(frame.to_arrow(), ["a", "b", "c"]), expected)


def test_a_c_ordered_float32_array_is_not_copied():
    array = np.zeros((3, 2), np.float32)
    assert np.shares_memory(as_matrix(array, ["a", "b"]), array)
    assert fill_missing(array) is array


@pytest.mark.parametrize("array", [np.zeros(6), np.zeros((2, 5)), np.zeros((2, 7)), np.zeros((1, 2, 6))])
def test_arrays_of_another_shape_are_refused(array):
    with pytest.raises(InputError, match="6"):
        as_matrix(array, FEATURES)


@pytest.mark.parametrize("X", [None, "text", np.array([["a"]]), np.array([[None]], dtype=object)])
def test_what_is_no_table_is_refused(X):
    with pytest.raises(InputError):
        as_matrix(X, ["a"])


def test_lazy_frames_are_refused():
    with pytest.raises(InputError, match=r"[Cc]ollect"):
        as_matrix(FRAME.lazy(), FEATURES)


@pytest.mark.parametrize(
    "table",
    [
        pa.table([pa.array([1.0]), pa.array([2.0])], names=["a", "a"]),
        pd.DataFrame([[1.0, 2.0]], columns=["a", "a"]),
    ],
    ids=["arrow", "pandas"],
)
def test_a_feature_that_stands_there_twice_is_refused(table):
    with pytest.raises(InputError, match="more than once: a"):
        as_matrix(table, ["a"])


def test_missing_values_become_the_sentinel_in_a_copy():
    array = np.array([[np.nan, 1.0], [2.0, 3.0]], np.float32)
    filled = fill_missing(array)
    assert filled.tolist() == [[MISSING, 1.0], [2.0, 3.0]]
    assert np.isnan(array[0, 0])
    assert filled.flags.c_contiguous
    np.testing.assert_array_equal(as_matrix(filled, ["a", "b"]), filled)


@pytest.mark.parametrize("kind", KINDS)
def test_no_rows(kind):
    table = tables()[kind]
    empty = table.iloc[:0] if hasattr(table, "iloc") else table[:0]
    assert as_matrix(empty, FEATURES).shape == (0, 6)
