"""JSON and Parquet contents."""

import math

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from meta_models.errors import WriteError
from meta_models.run_folder import json_bytes, verify_parquet, write_parquet
from meta_models.run_folder.writers import ROW_GROUP_ROWS


def test_json_is_sorted_and_takes_numpy(tmp_path):
    value = {"b": np.float32(0.5), "a": [np.int64(3), np.arange(2), tmp_path], "c": None, "é": "µ"}
    assert (
        json_bytes(value, indent=None) == f'{{"a": [3, [0, 1], "{tmp_path}"], "b": 0.5, "c": null, "é": "µ"}}'.encode()
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf, np.float32("nan"), np.array([1.0, np.nan])])
def test_json_refuses_what_is_not_a_number(bad):
    with pytest.raises(ValueError, match="JSON"):
        json_bytes({"x": bad})


def test_json_refuses_unknown_types():
    with pytest.raises(TypeError, match="set"):
        json_bytes({"x": {1}})


def table(rows: int) -> pa.Table:
    rng = np.random.default_rng(0)
    gene = pa.array([f"gene{i // 100}" for i in range(rows)])
    return pa.table({"gene": gene, "x": rng.random(rows, dtype=np.float32), "n": pa.array([None, 1] * (rows // 2))})


@pytest.mark.parametrize("rows", [0, 2, ROW_GROUP_ROWS, ROW_GROUP_ROWS + 2])
def test_parquet_is_read_back_and_does_not_depend_on_chunks(tmp_path, rows):
    whole = table(rows)
    chunked = pa.concat_tables([whole.slice(start, 30_000) for start in range(0, max(rows, 1), 30_000)])
    write_parquet(tmp_path / "a", whole)
    write_parquet(tmp_path / "b", chunked)
    write_parquet(tmp_path / "c", whole.to_reader(max_chunksize=7001))
    assert pq.read_table(tmp_path / "a", page_checksum_verification=True).equals(whole)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_parquet_takes_a_polars_frame(tmp_path):
    frame = pl.DataFrame({"gene": ["a", "b"], "p": pl.Series([0.1, None], dtype=pl.Float32)})
    write_parquet(tmp_path / "a", frame.to_arrow())
    assert pl.read_parquet(tmp_path / "a").equals(frame)


def test_no_flipped_bit_is_silent(tmp_path):
    source = table(2000)
    path = tmp_path / "a.parquet"
    write_parquet(path, source)
    data = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(100):
        mutant = bytearray(data)
        mutant[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        path.write_bytes(mutant)
        try:
            verify_parquet(path, source.num_rows)
        except WriteError:
            refused += 1
        else:
            assert pq.read_table(path, page_checksum_verification=True).cast(source.schema).equals(source)
    assert refused > 80


def test_wrong_number_of_rows(tmp_path):
    write_parquet(tmp_path / "a", table(10))
    with pytest.raises(WriteError, match=r"must hold 11 rows\. Found 10"):
        verify_parquet(tmp_path / "a", 11)
