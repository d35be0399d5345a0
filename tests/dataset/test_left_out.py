"""Genes that are left out take with them what no split may part from them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tables import make_frame, write_table

from meta_models.config import TrainingConfig
from meta_models.dataset.left_out import RELATED, with_relatives, without_genes
from meta_models.dataset.opening import open_tables, open_training_table
from meta_models.dataset.positions import Positions, read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.errors import InputError

GENE = pl.col("gene_id")
FRAME = make_frame(6).with_columns(gene_family=GENE.replace({"G0001": "shared", "G0004": "shared"}))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_table(tmp_path / "t", FRAME)


@pytest.fixture
def positions(source: Path, tmp_path: Path) -> Positions:
    return read_positions(open_dataset(source, work_dir=tmp_path))


def test_relatives_go_too(positions: Positions) -> None:
    assert with_relatives(positions, {}) == {}
    assert with_relatives(positions, {"G0002": "known"}) == {"G0002": "known"}
    assert with_relatives(positions, {"G0001": "known"}) == {"G0001": "known", "G0004": RELATED}


def test_rows_of_others_stay(positions: Positions) -> None:
    rows = without_genes(positions, ["G0001", "G0004"], "t")
    assert set(positions.filter(rows).frame["gene_id"].cast(pl.String)) == {"G0000", "G0002", "G0003", "G0005"}
    assert rows.dtype == np.bool_


def test_nothing_left_is_refused(positions: Positions) -> None:
    genes = positions.frame["gene_id"].cast(pl.String).unique().to_list()
    with pytest.raises(InputError, match="All 6 are known to it"):
        without_genes(positions, genes, "t")


def test_a_table_is_opened_without_them(source: Path, tmp_path: Path) -> None:
    config = TrainingConfig.from_mapping({"dataset": str(source), "sample_genes": 2})
    table = open_training_table(config, tmp_path / "a", lambda *_: {"G0001": "known"})
    assert table.left_out == {"G0001": "known", "G0004": RELATED}
    left = set(table.positions.frame["gene_id"].cast(pl.String))
    assert len(left) == 2
    assert not left & set(table.left_out)
    assert table.dataset.n_rows == table.positions.frame.height
    tables = open_tables(config, tmp_path / "b", 10**9, lambda *_: {"G0001": "known"})
    assert tables.left_out == table.left_out
    assert open_training_table(config, tmp_path / "c").left_out == {}
