"""Every position of genes as a table, against the table that build writes of every position."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from build_places import make_place

from meta_models.dataset.built import BuiltFolder
from meta_models.dataset.genes.table import GeneTable
from meta_models.dataset.positions import read_positions
from meta_models.dataset.reading.open import open_dataset
from meta_models.dataset.reading.reader import Dataset

GENES = 12


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = make_place(tmp_path_factory.mktemp("genome") / "made", genes=GENES)
    return place.build(tmp_path_factory.mktemp("built") / "all", all_positions=True)


@pytest.fixture
def table(everything: Path) -> GeneTable:
    folder = BuiltFolder.open(everything).genes
    return GeneTable.open("genes", folder, [entry.gene_id for entry in folder.entries])


@pytest.fixture
def written(everything: Path, tmp_path: Path) -> Dataset:
    return open_dataset(everything, work_dir=tmp_path)


def test_positions_are_those_of_the_written_table(table: GeneTable, written: Dataset) -> None:
    found, expected = table.positions(), read_positions(written)
    assert found.bases == expected.bases
    assert table.n_rows == written.n_rows
    for name in expected.frame.columns:
        if name != "weight":
            left, right = (positions.frame[name].cast(pl.String) for positions in (found, expected))
            assert left.equals(right), name


def test_features_are_those_of_the_written_table(table: GeneTable, written: Dataset) -> None:
    assert set(written.features) <= set(table.features)
    names = written.features[::7]
    found, expected = (np.concatenate(list(source.iter_matrix(names))) for source in (table, written))
    np.testing.assert_array_equal(found, expected)


def test_some_rows_of_some_rows(table: GeneTable) -> None:
    names = ["donor_score", "context_max"]
    everything = np.concatenate(list(table.iter_matrix(names, 500)))
    some = np.arange(table.n_rows) % 11 == 3
    fewer = np.zeros(some.sum(), bool)
    fewer[-2:] = True
    one = table.with_rows(some)
    assert one.n_rows == some.sum()
    np.testing.assert_array_equal(
        np.concatenate(list(one.iter_matrix(["donor_score", "context_max"]))), everything[some]
    )
    last = np.concatenate(list(one.with_rows(fewer).iter_matrix(["donor_score", "context_max"])))
    np.testing.assert_array_equal(last, everything[np.flatnonzero(some)[-2:]])


def test_genes_that_are_not_asked_for_are_left_out(everything: Path) -> None:
    folder = BuiltFolder.open(everything).genes
    ids = [entry.gene_id for entry in folder.entries][1:3]
    some = GeneTable.open("genes", folder, [*ids, "unknown"])
    assert set(some.positions().frame["gene_id"].cast(pl.String)) == set(ids)
